/** The status bar plugin: resource usage, idle timeout, and a warning before this server stops. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, Notification, showDialog } from '@jupyterlab/apputils';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { ReactElement } from 'react';

import { gpuTexts, memoryText, mustWarn, shortTime, timeLeft } from './figures.js';
import { Command, type Lab } from './lab.js';
import { complain } from './runs.js';
import type { ServerStatus } from './server.js';
import { ILab } from './token.js';

const LOOK_MS = 10_000;
/** Hidden pages poll rarely, but still warn, so that the warning is there when the user returns. */
const LOOK_HIDDEN_MS = 60_000;

export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: '@outrider/jupyterlab:status',
  description: 'Shows resource usage of this server and warns before it stops.',
  autoStart: true,
  requires: [ILab],
  optional: [IStatusBar, ICommandPalette],
  activate: (app: JupyterFrontEnd, lab: Lab, bar: IStatusBar | null, palette: ICommandPalette | null) => {
    const item = new StatusItem(() => {
      lab.execute(Command.server);
    });
    const watch = new Watch(lab, (status) => {
      item.look(status);
    });
    app.commands.addCommand(Command.keep, {
      label: 'Keep This Server Running',
      caption: 'Reset the idle timeout of this server',
      execute: () => watch.keep(),
    });
    app.commands.addCommand(Command.server, {
      label: 'Show Server Resource Usage',
      execute: async () => {
        const { button } = await showDialog({
          title: 'This server',
          body: new Details(watch.status),
          buttons: [
            Dialog.cancelButton({ label: 'Close' }),
            ...(watch.status?.notebook?.stops_at ? [Dialog.okButton({ label: 'Keep running' })] : []),
          ],
        });
        if (button.accept) await watch.keep();
      },
    });
    for (const command of [Command.keep, Command.server]) palette?.addItem({ command, category: 'Outrider' });
    bar?.registerStatusItem('@outrider/jupyterlab:status', { item, align: 'right', rank: 900, priority: 1 });
    void app.restored.then(() => {
      watch.start();
    });
  },
};

/** Polls the server status and warns in time. */
class Watch {
  status: ServerStatus | null = null;
  private warning: string | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly lab: Lab,
    private readonly onStatus: (status: ServerStatus | null) => void,
  ) {}

  start(): void {
    void this.look();
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') void this.look();
    });
  }

  async keep(): Promise<void> {
    try {
      await this.lab.server.keep();
      this.dismiss();
      await this.look();
    } catch (error) {
      complain(error);
    }
  }

  private async look(): Promise<void> {
    clearTimeout(this.timer);
    try {
      this.status = await this.lab.server.status();
    } catch {
      // The server itself is unreachable, which Lab reports.
      this.status = null;
    }
    this.onStatus(this.status);
    if (this.status !== null) this.warn(this.status);
    this.timer = setTimeout(
      () => {
        void this.look();
      },
      document.visibilityState === 'visible' ? LOOK_MS : LOOK_HIDDEN_MS,
    );
  }

  private warn(status: ServerStatus): void {
    if (!mustWarn(status, Date.now())) {
      this.dismiss();
      return;
    }
    const left = shortTime(timeLeft(status, Date.now()) ?? 0);
    const text = `This server stops in ${left}: ${status.notebook?.stop_reason ?? 'it is idle'}.`;
    if (this.warning !== null) {
      Notification.update({ id: this.warning, message: text });
      return;
    }
    this.warning = Notification.warning(text, {
      autoClose: false,
      actions: [
        {
          label: 'Keep running',
          displayType: 'accent',
          callback: () => {
            void this.keep();
          },
        },
      ],
    });
  }

  private dismiss(): void {
    if (this.warning !== null) Notification.dismiss(this.warning);
    this.warning = null;
  }
}

class StatusItem extends ReactWidget {
  private status: ServerStatus | null = null;

  constructor(private readonly onClick: () => void) {
    super();
    this.addClass('jp-Outrider-status');
  }

  look(status: ServerStatus | null): void {
    this.status = status;
    this.update();
  }

  protected override render(): ReactElement {
    const { status } = this;
    if (status === null) return <></>;
    const left = timeLeft(status, Date.now());
    const parts = [...gpuTexts(status), memoryText(status)].filter((text) => text !== '');
    if (!status.reachable) parts.push('Outrider unavailable');
    else if (left !== null) parts.push(`stops in ${shortTime(left)}`);
    if (parts.length === 0) return <></>;
    const warn = !status.reachable || mustWarn(status, Date.now());
    return (
      <button
        type="button"
        className={`jp-Outrider-statusButton ${warn ? 'jp-mod-warn' : ''}`}
        title={status.message ?? 'Resource usage and idle timeout of this server'}
        onClick={this.onClick}
      >
        {parts.join(' · ')}
      </button>
    );
  }
}

class Details extends ReactWidget {
  constructor(private readonly status: ServerStatus | null) {
    super();
  }

  protected override render(): ReactElement {
    const { status } = this;
    if (status === null) return <p>Cannot reach this server.</p>;
    const left = timeLeft(status, Date.now());
    const rows: [string, string][] = [
      ['Machine', status.machine ?? 'Unknown'],
      ['Image', status.image ?? 'Unknown'],
      ['Memory', memoryText(status) || 'Unknown'],
      ['GPU', gpuTexts(status).join('; ') || 'None'],
      ['Stops', left === null ? 'When you stop it' : `In ${shortTime(left)} if idle`],
      ['Cost so far', status.notebook ? status.notebook.cost.toFixed(2) : 'Unknown'],
    ];
    return (
      <>
        {status.message !== null && <p>{status.message}</p>}
        <table className="jp-Outrider-details">
          <tbody>
            {rows.map(([name, text]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </>
    );
  }
}
