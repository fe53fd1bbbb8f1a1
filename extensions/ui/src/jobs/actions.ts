/** Actions on jobs, with their status messages. */

import { useCallback, useState } from 'react';

import { sentence } from '../api/transport.js';
import type { Job, Submission } from '../api/types.js';
import { randomKey } from '../shared/ids.js';
import { submissionOf } from '../submit/submission.js';
import { useApi, useNavigation } from '../shared/context.js';

export interface JobActions {
  /** The action in progress, or null. */
  busy: string | null;
  /** The result of the last action, for a status line. */
  said: string;
  failed: string | null;
  stop: (jobs: readonly Pick<Job, 'id' | 'name'>[]) => Promise<Job[]>;
  remove: (jobs: readonly Pick<Job, 'id' | 'name'>[]) => Promise<boolean>;
  again: (job: Job) => Promise<void>;
  againAll: (jobs: readonly Job[]) => Promise<void>;
  againWith: (job: Job, changes: Partial<Submission>) => Promise<void>;
}

export function useJobActions(): JobActions {
  const api = useApi();
  const navigation = useNavigation();
  const [state, setState] = useState<{ busy: string | null; said: string; failed: string | null }>({
    busy: null,
    said: '',
    failed: null,
  });

  const run = useCallback(
    async <T>(busy: string, said: string, work: () => Promise<T>): Promise<T | undefined> => {
      setState({ busy, said: '', failed: null });
      try {
        const result = await work();
        setState({ busy: null, said, failed: null });
        return result;
      } catch (error) {
        setState({ busy: null, said: '', failed: sentence(error) });
        return undefined;
      }
    },
    [],
  );

  const open = useCallback(
    (made: Job | undefined) => {
      if (made) navigation.go({ page: 'job', id: made.id });
    },
    [navigation],
  );

  return {
    ...state,
    stop: async (jobs) =>
      (await run('stop', `Stopping ${named(jobs)}.`, () => inTurn(jobs, (job) => api.stop(job.id)))) ?? [],
    remove: async (jobs) =>
      (await run('remove', `Deleted ${named(jobs)}.`, () => inTurn(jobs, (job) => api.remove(job.id)))) !==
      undefined,
    again: async (job) => {
      open(await run('again', `Submitted ${job.name} again.`, () => api.clone(job.id)));
    },
    againAll: async (jobs) => {
      const made = await run('again', `Submitted ${named(jobs)} again.`, () =>
        inTurn(jobs, (job) => api.clone(job.id)),
      );
      if (jobs.length === 1) open(made?.[0]);
    },
    againWith: async (job, changes) => {
      // A new idempotency key per click: clicking again means another job.
      const key = randomKey();
      open(
        await run('again', `Submitted ${job.name} again.`, () => api.submit(submissionOf(job, changes), key)),
      );
    },
  };
}

function named(jobs: readonly Pick<Job, 'name'>[]): string {
  return jobs.length === 1 ? (jobs[0]?.name ?? '') : `${String(jobs.length)} jobs`;
}

/** Sequential: a hundred parallel requests would only queue in the browser. */
async function inTurn<A, B>(items: readonly A[], work: (item: A) => Promise<B>): Promise<B[]> {
  const results: B[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}
