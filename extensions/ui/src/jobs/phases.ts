/** Time that a job spent waiting, preparing and running, from its timeline. Pure. */

import type { JobEvent } from '../api/types.js';

export interface Phase {
  name: 'waiting' | 'preparing' | 'running';
  title: string;
  ms: number;
}

const TITLES = { waiting: 'Waiting', preparing: 'Preparing', running: 'Running' } as const;

/** The phase that an event starts; null if it ends the job, undefined if the phase does not change. */
function phaseAfter(type: string): Phase['name'] | null | undefined {
  switch (type) {
    case 'queued':
    case 'requeued':
      return 'waiting';
    case 'machine_found':
      return 'preparing';
    case 'started':
      return 'running';
    case 'succeeded':
    case 'failed':
    case 'cancelled':
      return null;
    default:
      return undefined;
  }
}

/** Phases with their total time over all attempts; an open phase lasts until `end`. */
export function phases(events: readonly JobEvent[], end: number): Phase[] {
  const spent = new Map<Phase['name'], number>();
  let current: Phase['name'] | null = null;
  let since = 0;
  const close = (time: number): void => {
    if (current !== null) spent.set(current, (spent.get(current) ?? 0) + Math.max(0, time - since));
  };
  for (const event of events) {
    const next = phaseAfter(event.type);
    if (next === undefined) continue;
    const time = Date.parse(event.time);
    close(time);
    current = next;
    since = time;
  }
  close(end);
  return [...spent].map(([name, ms]) => ({ name, title: TITLES[name], ms }));
}
