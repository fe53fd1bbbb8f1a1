/** The dialog that submits a file as a job. Loaded lazily. */

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
  /** The file to run. */
  subject: Subject;
  remembered: Partial<Draft> | undefined;
  /** The machine type of the last submission. */
  machine: string | null;
}

/** Shows the form; resolves to the job and the form, or null if it was cancelled. */
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
            // Deferred: React must not unmount a tree while it is rendering it.
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
      // Without a workspace in the submission, the server uploads the file's folder.
      const sent: Partial<Submission> = { ...submission };
      if (folder) delete sent.workspace;
      return server.submit(subject.path, sent, key);
    },
  };
}

/** Preflight checks by the service and by this server, which knows the file's imports and kernel. */
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
