/** The plugin that runs files as jobs: commands, toolbar buttons and the file browser's context menu. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import type { DocumentWidget } from '@jupyterlab/docregistry';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { type FileEditor, IEditorTracker } from '@jupyterlab/fileeditor';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { ToolbarButton } from '@jupyterlab/ui-components';

import { outriderIcon } from './icons.js';
import { Command, Lab } from './lab.js';
import { Runs } from './runs.js';
import { ILab } from './token.js';
import { canRun } from './subject.js';

const TOOLBAR_ITEM = 'outrider-run';
const LABEL = 'Run as Job';

export const commandsPlugin: JupyterFrontEndPlugin<void> = {
  // The settings schema (toolbars, shortcuts, menus) is found by this ID.
  id: '@outrider/jupyterlab:plugin',
  description: 'Runs notebooks and scripts as jobs.',
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
    // Loading the schema activates its shortcuts, toolbars and menus.
    void settings?.load(commandsPlugin.id).catch(() => undefined);

    const { commands, shell } = app;
    /** The current document, regardless of the selection in the file browser. */
    const current = (): { path: string; run: () => Promise<void> } | null => {
      const widget = shell.currentWidget;
      const notebook = notebooks?.find((panel) => panel === widget);
      if (notebook !== undefined) return { path: notebook.context.path, run: () => runs.notebook(notebook) };
      const editor = editors?.find((one) => one === widget);
      return editor === undefined ? null : { path: editor.context.path, run: () => runs.editor(editor) };
    };
    commands.addCommand(Command.run, {
      label: 'Run This File as a Job',
      caption: 'Save the notebook or script and run it as a job',
      icon: outriderIcon,
      isEnabled: () => {
        const found = current();
        return found !== null && canRun(found.path);
      },
      execute: () => current()?.run(),
    });
    const selected = (): string | undefined => {
      const [item] = files?.tracker.currentWidget?.selectedItems() ?? [];
      return item !== undefined && item.type !== 'directory' && canRun(item.path) ? item.path : undefined;
    };
    commands.addCommand(Command.runFile, {
      label: LABEL,
      caption: 'Run this file as a job',
      icon: outriderIcon,
      isVisible: () => selected() !== undefined,
      execute: async (args) => {
        const path = typeof args.path === 'string' ? args.path : selected();
        if (path !== undefined) await runs.file(path);
      },
    });

    toolbars?.addFactory<NotebookPanel>('Notebook', TOOLBAR_ITEM, (panel) =>
      button(() => runs.notebook(panel)),
    );
    toolbars?.addFactory<DocumentWidget<FileEditor>>('Editor', TOOLBAR_ITEM, (widget) => {
      const made = button(() => runs.editor(widget));
      // Renaming a script can change whether it can be run.
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
    className: 'jp-Outrider-run',
    icon: outriderIcon,
    label: LABEL,
    tooltip: 'Save and run this file as a job',
    onClick: () => {
      void onClick();
    },
  });
}
