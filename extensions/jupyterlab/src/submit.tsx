/** The dialog that sends a file away as a job. Part of what is loaded when first needed. */

import {
  type Draft,
  EMPTY_DRAFT,
  type Job,
  OutriderProvider,
  paramOf,
  SubmitDialog,
  type Submission,
  type SubmitShell,
} from '@outrider/ui';
import '@outrider/ui/style/index.css';
import { createRoot } from 'react-dom/client';

import type { Lab } from './lab.js';
import type { ServerStatus } from './server.js';
import { draftOf, type Subject } from './subject.js';

export interface Asked {
  lab: Lab;
  title: string;
  status: ServerStatus;
  /** The file that is sent. */
  subject: Subject;
  remembered: Partial<Draft> | undefined;
  /** The machine of whatever was sent last. */
  machine: string | null;
}

/** Shows the form; the job that was made and what was filled in, or null when nothing was sent. */
export function askForJob(asked: Asked): Promise<{ job: Job; draft: Draft } | null> {
  const { lab, subject, status } = asked;
  const node = document.createElement('div');
  node.className = 'outrider jp-Outrider jp-Outrider-dialog';
  document.body.append(node);
  const before = document.activeElement;
  const root = createRoot(node);
  return new Promise((resolve) => {
    let made: { job: Job; draft: Draft } | null = null;
    const start = draftOf(subject, EMPTY_DRAFT, status.image, asked.remembered, paramOf);
    root.render(
      <OutriderProvider transport={lab.server.transport} navigation={lab.navigation()}>
        <SubmitDialog
          title={asked.title}
          start={start}
          shell={shellOf(lab, subject)}
          machines={[asked.machine, status.machine]}
          onSubmitted={(job, draft) => {
            made = { job, draft };
          }}
          onClose={() => {
            // Not while React is at work on what closes.
            queueMicrotask(() => {
              root.unmount();
              node.remove();
            });
            if (before instanceof HTMLElement) before.focus();
            resolve(made);
          }}
        />
      </OutriderProvider>,
    );
  });
}

function shellOf(lab: Lab, subject: Subject): SubmitShell {
  const { server } = lab;
  return {
    check: checker(lab, subject),
    folder: (signal) => server.workspace(subject.path, signal),
    submit: (submission, folder, key) => {
      // Without a workspace of its own, the server sends the file's folder along.
      const sent: Partial<Submission> = { ...submission };
      if (folder) delete sent.workspace;
      return server.submit(subject.path, sent, key);
    },
  };
}

/** What would become of a submission: the service's word, and what this server knows of the file it is made from. */
export function checker(lab: Lab, subject: Subject | null): NonNullable<SubmitShell['check']> {
  return async (submission, signal) => {
    const wanted = {
      submission,
      kernel: subject?.kernel ?? null,
      imports: subject?.imports ?? [],
      path: subject?.path ?? null,
    };
    return (await lab.server.preflight(wanted, signal)).items;
  };
}
