/** The plugin that shows jobs: the side panel, job tabs and comparisons. */

import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { UUID } from '@lumino/coreutils';
import type { JobView, ListView } from '@outrider/ui';

import { outriderIcon } from './icons.js';
import { Command, type Lab, plain, portalBase } from './lab.js';
import { ILab } from './token.js';
import { CompareContent, JobContent, JobsContent } from './widgets.js';

export const jobsPlugin: JupyterFrontEndPlugin<void> = {
  id: '@outrider/jupyterlab:jobs',
  description: 'Shows jobs in a side panel and in tabs.',
  autoStart: true,
  requires: [ILab],
  optional: [ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    lab: Lab,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
  ) => {
    const { commands, shell } = app;
    const tabs = new WidgetTracker<MainAreaWidget<JobContent>>({ namespace: 'outrider-jobs' });
    const panel = new JobsContent(lab);
    shell.add(panel, 'left', { rank: 520 });
    restorer?.add(panel, 'outrider-jobs');

    commands.addCommand(Command.jobs, {
      label: 'Show Jobs',
      icon: outriderIcon,
      execute: (args) => {
        if (args.query) panel.look(args.query as ListView);
        shell.activateById(panel.id);
      },
    });
    commands.addCommand(Command.job, {
      label: 'Open Job',
      isVisible: () => false,
      execute: async (args) => {
        const id = args.id as string;
        const view = (args.view as unknown as JobView | undefined) ?? { tab: 'overview' };
        const open = tabs.find((widget) => widget.content.jobId === id);
        if (open !== undefined) {
          if (args.view) open.content.look(view);
          shell.activateById(open.id);
          return open;
        }
        const content = new JobContent(lab, id, view, () => {
          void tabs.save(widget);
        });
        const widget = new MainAreaWidget({ content });
        widget.id = `outrider-job-${id}`;
        widget.title.closable = true;
        await tabs.add(widget);
        shell.add(widget, 'main', { mode: 'tab-after' });
        shell.activateById(widget.id);
        return widget;
      },
    });
    commands.addCommand(Command.portal, {
      label: 'Open Outrider in Browser',
      execute: () => {
        window.open(portalBase(), '_blank', 'noopener');
      },
    });
    const compared = new WidgetTracker<MainAreaWidget<CompareContent>>({ namespace: 'outrider-compared' });
    commands.addCommand(Command.compare, {
      label: 'Compare Jobs',
      isVisible: () => false,
      execute: async (args) => {
        const ids = args.ids as string[];
        const widget = new MainAreaWidget({ content: new CompareContent(lab, ids) });
        widget.id = `outrider-compare-${UUID.uuid4()}`;
        await compared.add(widget);
        shell.add(widget, 'main');
        shell.activateById(widget.id);
        return widget;
      },
    });
    void restorer?.restore(compared, {
      command: Command.compare,
      args: ({ content }) => ({ ids: [...content.ids] }),
      name: ({ content }) => content.ids.join(),
    });
    void restorer?.restore(tabs, {
      command: Command.job,
      args: ({ content }) => ({ id: content.jobId, view: plain(content.view) }),
      name: ({ content }) => content.jobId,
    });
    for (const command of [Command.jobs, Command.portal]) palette?.addItem({ command, category: 'Outrider' });
  },
};
