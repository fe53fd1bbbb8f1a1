/** The questions before what cannot be undone. */

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
    <Confirm title={`Stop ${named(jobs)}?`} action="Stop it" onConfirm={onConfirm} onClose={onClose}>
      The command is asked to end, and ended soon after. What it left in /artifacts stays.
    </Confirm>
  );
}

export function ConfirmDelete({ jobs, onConfirm, onClose }: Props): ReactElement {
  const stopped = jobs.some((job) => !hasEnded(job));
  return (
    <Confirm title={`Delete ${named(jobs)}?`} action="Delete" onConfirm={onConfirm} onClose={onClose}>
      Logs, charts and artifacts go with it{stopped && ', and what runs is stopped'}. /storage stays as it is.
    </Confirm>
  );
}
