/** Runs a file as a job: saves it, shows the form, remembers the choices, opens the job. */

import { Notification } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { IDocumentWidget } from '@jupyterlab/docregistry';
import type { FileEditor } from '@jupyterlab/fileeditor';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import type { IStateDB } from '@jupyterlab/statedb';
import type { Draft, Job } from '@outrider/ui';

import { Command, type Lab } from './lab.js';
import { type Subject, subjectOfNotebook, subjectOfPanel, subjectOfScript } from './subject.js';

const LAST = 'outrider:last';
const PREFIX = 'outrider:file:';

/** The last form of a file. */
type Remembered = Partial<Draft>;

export class Runs {
  private busy = false;

  constructor(
    private readonly lab: Lab,
    private readonly state: IStateDB | null,
    private readonly contents: Contents.IManager,
  ) {}

  /** Runs an open notebook. */
  async notebook(panel: NotebookPanel): Promise<void> {
    if (await this.save(panel)) await this.ask(subjectOfPanel(panel));
  }

  async editor(widget: IDocumentWidget<FileEditor>): Promise<void> {
    if (await this.save(widget))
      await this.ask(subjectOfScript(widget.context.path, widget.content.model.sharedModel.getSource()));
  }

  /** Runs a file that need not be open. */
  async file(path: string): Promise<void> {
    try {
      const found = await this.contents.get(path);
      const subject = path.endsWith('.ipynb')
        ? subjectOfNotebook(path, found.content)
        : subjectOfScript(path, String(found.content));
      await this.ask(subject);
    } catch (error) {
      complain(error);
    }
  }

  private async save(widget: NotebookPanel | IDocumentWidget<FileEditor>): Promise<boolean> {
    try {
      await widget.context.ready;
      if (widget.context.model.dirty) await widget.context.save();
      return true;
    } catch (error) {
      complain(error);
      return false;
    }
  }

  private async ask(subject: Subject): Promise<void> {
    // One dialog at a time: ignore double clicks while the first dialog is loading.
    if (this.busy) return;
    this.busy = true;
    try {
      const [{ askForJob }, status, remembered, last] = await Promise.all([
        import('./submit.js'),
        this.lab.server.status(),
        this.recall(PREFIX + subject.path),
        this.recall(LAST),
      ]);
      if (!status.reachable) {
        complain(new Error(status.message ?? 'The Outrider service is not available.'));
        return;
      }
      const made = await askForJob({
        lab: this.lab,
        title: `Run ${PathExt.basename(subject.path)} as a job`,
        status,
        subject,
        remembered,
        machine: last?.machine ?? null,
      });
      if (made !== null) this.made(made.job, made.draft, subject);
    } catch (error) {
      complain(error);
    } finally {
      this.busy = false;
    }
  }

  private made(job: Job, draft: Draft, subject: Subject): void {
    this.lab.execute(Command.job, { id: job.id, view: { tab: 'log' } });
    void this.keep(LAST, { machine: draft.machine });
    void this.keep(PREFIX + subject.path, draft);
  }

  /** Remembering is best effort: failures are ignored. */
  private async recall(key: string): Promise<Remembered | undefined> {
    return (await this.state?.fetch(key).catch(() => undefined)) as Remembered | undefined;
  }

  private async keep(key: string, value: Remembered): Promise<void> {
    await this.state?.save(key, JSON.parse(JSON.stringify(value)) as never).catch(() => undefined);
  }
}

export function complain(error: unknown): void {
  Notification.error(error instanceof Error ? error.message : String(error), { autoClose: 10_000 });
}
