/** Confirmation dialogs for stopping and deleting jobs. */

import type { ReactElement } from 'react';

import { hasEnded, type Job } from '../api/types.js';
import { count } from '../shared/format.js';
import { Confirm } from '../shared/basics.js';

interface Props {
  jobs: readonly Job[];
  onConfirm: () => void;
  onClose: () => void;
}

function named(jobs: readonly Job[]): string {
  return jobs.length === 1 ? (jobs[0]?.name ?? '') : `${count(jobs.length)} jobs`;
}

export function ConfirmStop({ jobs, onConfirm, onClose }: Props): ReactElement {
  return (
    <Confirm
      title={`Stop ${named(jobs)}?`}
      action={jobs.length === 1 ? 'Stop job' : 'Stop jobs'}
      onConfirm={onConfirm}
      onClose={onClose}
    >
      The command gets SIGTERM, then SIGKILL after the grace period. Logs and artifacts are kept.
    </Confirm>
  );
}

export function ConfirmDelete({ jobs, onConfirm, onClose }: Props): ReactElement {
  const stopped = jobs.some((job) => !hasEnded(job));
  return (
    <Confirm title={`Delete ${named(jobs)}?`} action="Delete" onConfirm={onConfirm} onClose={onClose}>
      {stopped && 'Running jobs are stopped. '}Logs, charts and artifacts are deleted; files in /storage are
      not affected. This cannot be undone.
    </Confirm>
  );
}
