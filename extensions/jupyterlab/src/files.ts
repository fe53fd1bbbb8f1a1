/** Plugins that open job artifacts as files, and executed notebooks as tabs. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { MainAreaWidget, Notification, WidgetTracker } from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';

import { Command, type Lab } from './lab.js';
import type { ResultContent } from './result.js';
import { complain } from './runs.js';
import { ILab } from './token.js';

export const filesPlugin: JupyterFrontEndPlugin<void> = {
  id: '@outrider/jupyterlab:files',
  description: 'Opens job artifacts as files.',
  autoStart: true,
  requires: [ILab, IDocumentManager],
  optional: [IDefaultFileBrowser, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    lab: Lab,
    documents: IDocumentManager,
    browser: IDefaultFileBrowser | null,
  ) => {
    /** Copies into the current folder of the file browser. */
    const copy = async (args: { id?: unknown; job?: unknown; path?: unknown }): Promise<string> => {
      const folder = browser?.model.path ?? '';
      const { path } = await lab.server.copy(String(args.job), String(args.path), folder);
      await browser?.model.refresh();
      return path;
    };
    app.commands.addCommand(Command.copy, {
      label: 'Copy Artifact to My Files',
      isVisible: () => false,
      execute: async (args) => {
        try {
          const path = await copy(args);
          Notification.success(`Copied to ${path}`, {
            autoClose: 6_000,
            actions: [{ label: 'Open', callback: () => void documents.openOrReveal(path) }],
          });
          return path;
        } catch (error) {
          complain(error);
          return '';
        }
      },
    });
    app.commands.addCommand(Command.artifact, {
      label: 'Open Artifact',
      isVisible: () => false,
      execute: async (args) => {
        try {
          documents.openOrReveal(await copy(args));
        } catch (error) {
          complain(error);
        }
      },
    });
  },
};

export const resultPlugin: JupyterFrontEndPlugin<void> = {
  id: '@outrider/jupyterlab:result',
  description: 'Shows the notebook that a job executes, with live output.',
  autoStart: true,
  requires: [ILab, IRenderMimeRegistry, NotebookPanel.IContentFactory, IEditorServices],
  optional: [ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    lab: Lab,
    rendermime: IRenderMimeRegistry,
    contentFactory: NotebookPanel.IContentFactory,
    editors: IEditorServices,
    restorer: ILayoutRestorer | null,
  ) => {
    const { shell } = app;
    const tabs = new WidgetTracker<MainAreaWidget<ResultContent>>({ namespace: 'outrider-results' });
    app.commands.addCommand(Command.result, {
      label: 'Open Notebook of Job',
      isVisible: () => false,
      execute: async (args) => {
        const id = args.id as string;
        const open = tabs.find((widget) => widget.content.jobId === id);
        if (open !== undefined) {
          shell.activateById(open.id);
          return open;
        }
        const { ResultContent: Content } = await import('./result.js');
        const parts = { rendermime, contentFactory, mimeTypeService: editors.mimeTypeService };
        const widget = new MainAreaWidget({ content: new Content(lab, id, parts) });
        widget.id = `outrider-result-${id}`;
        await tabs.add(widget);
        shell.add(widget, 'main', { mode: 'tab-after' });
        shell.activateById(widget.id);
        return widget;
      },
    });
    void restorer?.restore(tabs, {
      command: Command.result,
      args: ({ content }) => ({ id: content.jobId }),
      name: ({ content }) => content.jobId,
    });
  },
};
