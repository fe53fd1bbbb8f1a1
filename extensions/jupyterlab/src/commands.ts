/** The plugin that sends files away: commands, the buttons in toolbars, the entry in the file browser's menu. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import type { DocumentWidget } from '@jupyterlab/docregistry';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { type FileEditor, IEditorTracker } from '@jupyterlab/fileeditor';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { ToolbarButton } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';

import { outriderIcon } from './icons.js';
import { Command, Lab } from './lab.js';
import { Runs } from './runs.js';
import { ILab } from './token.js';
import { canRun } from './subject.js';

const TOOLBAR_ITEM = 'outrider-run';
const LABEL = 'Run as Job';

export const commandsPlugin: JupyterFrontEndPlugin<void> = {
  // Lab finds the settings (toolbars, shortcuts, menus) by this name.
  id: '@outrider/jupyterlab:plugin',
  description: 'Sends notebooks and scripts away as jobs.',
  autoStart: true,
  requires: [ILab],
  optional: [
    INotebookTracker,
    IEditorTracker,
    IFileBrowserFactory,
    IToolbarWidgetRegistry,
    ICommandPalette,
    ISettingRegistry,
    IStateDB,
  ],
  activate: (
    app: JupyterFrontEnd,
    lab: Lab,
    notebooks: INotebookTracker | null,
    editors: IEditorTracker | null,
    files: IFileBrowserFactory | null,
    toolbars: IToolbarWidgetRegistry | null,
    palette: ICommandPalette | null,
    settings: ISettingRegistry | null,
    state: IStateDB | null,
  ) => {
    const runs = new Runs(lab, state, app.serviceManager.contents);
    // Shortcuts, toolbars and menus of the schema come with its being loaded.
    void settings?.load(commandsPlugin.id).catch(() => undefined);

    const { commands, shell } = app;
    const current = (): NotebookPanel | DocumentWidget<FileEditor> | null => {
      const widget = shell.currentWidget;
      if (widget !== null && notebooks?.has(widget)) return widget as NotebookPanel;
      if (widget !== null && editors?.has(widget)) return widget as DocumentWidget<FileEditor>;
      return null;
    };
    const run = (widget: Widget | null): Promise<void> | undefined => {
      if (widget !== null && notebooks?.has(widget)) return runs.notebook(widget as NotebookPanel);
      if (widget !== null && editors?.has(widget)) return runs.editor(widget as DocumentWidget<FileEditor>);
      return undefined;
    };
    commands.addCommand(Command.run, {
      label: 'Run This File as a Job',
      caption: 'Save the notebook or script and send it away as a job',
      icon: outriderIcon,
      isEnabled: () => {
        const widget = current();
        return widget !== null && canRun(widget.context.path);
      },
      execute: () => run(current()),
    });
    const selected = (): string | undefined => {
      const item = files?.tracker.currentWidget?.selectedItems().next().value;
      return item?.type !== 'directory' && item !== undefined && canRun(item.path) ? item.path : undefined;
    };
    commands.addCommand(Command.runFile, {
      label: LABEL,
      caption: 'Send this file away as a job',
      icon: outriderIcon,
      isVisible: () => selected() !== undefined,
      execute: async (args) => {
        const path = typeof args.path === 'string' ? args.path : selected();
        if (path !== undefined) await runs.file(path);
      },
    });
    commands.addCommand(Command.again, {
      label: 'Run Job Again with Changes',
      isVisible: () => false,
      execute: (args) => runs.again(String(args.id)),
    });

    toolbars?.addFactory<NotebookPanel>('Notebook', TOOLBAR_ITEM, (panel) => button(() => run(panel)));
    toolbars?.addFactory<DocumentWidget<FileEditor>>('Editor', TOOLBAR_ITEM, (widget) => {
      const made = button(() => run(widget));
      // A script may be renamed to something that cannot be run, and back.
      const show = (): void => {
        made.setHidden(!canRun(widget.context.path));
      };
      show();
      widget.context.pathChanged.connect(show);
      return made;
    });
    palette?.addItem({ command: Command.run, category: 'Outrider' });
  },
};

function button(onClick: () => unknown): ToolbarButton {
  return new ToolbarButton({
    icon: outriderIcon,
    label: LABEL,
    tooltip: 'Save, and run this file as a job',
    onClick: () => {
      void onClick();
    },
  });
}
