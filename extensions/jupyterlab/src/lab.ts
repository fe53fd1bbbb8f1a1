/** Shared by all plugins: the server connection, and navigation within Lab. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { PageConfig } from '@jupyterlab/coreutils';
import type { JobView, Navigation, Target } from '@outrider/ui';

import type { Server } from './server.js';

export const Command = {
  run: 'outrider:run',
  runFile: 'outrider:run-file',
  jobs: 'outrider:show-jobs',
  job: 'outrider:open-job',
  compare: 'outrider:compare',
  artifact: 'outrider:open-artifact',
  copy: 'outrider:copy-artifact',
  result: 'outrider:open-result',
  keep: 'outrider:keep-running',
  server: 'outrider:show-server',
  portal: 'outrider:open-portal',
} as const;

export class Lab {
  constructor(
    readonly app: JupyterFrontEnd,
    readonly server: Server,
  ) {}

  /** Navigation for a component tree; `own` handles targets in place by returning true. */
  navigation(own: (target: Target) => boolean = () => false): Navigation {
    return {
      href: (target) => portalAddress(target),
      go: (target) => {
        if (!own(target)) this.go(target);
      },
    };
  }

  go(target: Target): void {
    if (target.page === 'job')
      this.execute(Command.job, { id: target.id, ...(target.view && { view: plain(target.view) }) });
    else if (target.page === 'compare') this.execute(Command.compare, { ids: [...target.ids] });
    else this.execute(Command.jobs, target.query ? { query: target.query } : {});
  }

  execute(command: string, args: Record<string, unknown> = {}): void {
    void this.app.commands.execute(command, args as never);
  }
}

/** JSON without undefined values, as Lab saves it. */
export function plain(view: JobView): Record<string, string | number> {
  return JSON.parse(JSON.stringify(view)) as Record<string, string | number>;
}

/** Base URL of the portal, for links that open in the browser. */
export function portalBase(): string {
  const hub = PageConfig.getOption('hubPrefix') || '/hub/';
  return `${PageConfig.getOption('hubHost')}${hub.replace(/hub\/$/, '')}services/outrider/`;
}

function portalAddress(target: Target): string {
  const base = portalBase();
  if (target.page === 'jobs') return `${base}jobs`;
  if (target.page === 'compare')
    return `${base}compare?${target.ids.map((id) => `job=${encodeURIComponent(id)}`).join('&')}`;
  const tab = target.view?.tab ?? 'overview';
  return `${base}jobs/${encodeURIComponent(target.id)}${tab === 'overview' ? '' : `/${tab}`}`;
}
