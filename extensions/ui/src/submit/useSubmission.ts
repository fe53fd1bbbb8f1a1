/** Sending a new job once, whatever happens to the answer; and what the service says of a field. */

import { useRef, useState } from 'react';

import { ApiError, sentence } from '../api/transport.js';
import type { Job, Submission } from '../api/types.js';
import { useApi } from '../shared/context.js';
import { randomKey } from '../shared/ids.js';
import type { Problems } from './draft.js';

export interface Sending {
  busy: boolean;
  /** Why the job was refused; null once anything is changed. */
  refused: string | null;
  /** The field at fault, with what is wrong with it. */
  said: Problems;
  send: () => void;
}

/**
 * `wish` tells one submission from another: the same wish keeps its idempotency key, so that a second press of the
 * button, or one after a lost answer, makes no second job.
 */
export function useSubmission(
  submission: Submission,
  onSubmitted: (job: Job) => void,
  {
    wish = JSON.stringify(submission),
    submit,
  }: { wish?: string; submit?: ((submission: Submission, key: string) => Promise<Job>) | undefined } = {},
): Sending {
  const api = useApi();
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<{ wish: string; error: unknown } | null>(null);
  const last = useRef({ wish: '', key: '' });
  const send = async (): Promise<void> => {
    if (busy) return;
    if (last.current.wish !== wish) last.current = { wish, key: randomKey() };
    const { key } = last.current;
    setBusy(true);
    setRefusal(null);
    try {
      const made = await (submit?.(submission, key) ?? api.submit(submission, key));
      last.current = { wish: '', key: '' };
      onSubmitted(made);
    } catch (error) {
      setRefusal({ wish, error });
    } finally {
      setBusy(false);
    }
  };
  const error = refusal !== null && refusal.wish === wish ? refusal.error : null;
  const field = error instanceof ApiError ? error.field?.split('.')[0] : undefined;
  return {
    busy,
    refused: error === null ? null : sentence(error),
    said: field === undefined ? {} : { [field]: sentence(error) },
    send: () => {
      void send();
    },
  };
}
