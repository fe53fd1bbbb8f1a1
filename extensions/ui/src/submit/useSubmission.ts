/** Submits a job exactly once, even if the response is lost, and reports field errors. */

import { useRef, useState } from 'react';

import { ApiError, sentence } from '../api/transport.js';
import type { Job, Submission } from '../api/types.js';
import { useApi } from '../shared/context.js';
import { randomKey } from '../shared/ids.js';
import type { Problems } from './draft.js';

export interface Sending {
  busy: boolean;
  /** Why the job was refused; null once the form changes. */
  refused: string | null;
  /** The error by field, if the service named one. */
  said: Problems;
  send: () => void;
}

/**
 * `wish` identifies a submission: the same wish keeps its idempotency key, so that a double click, or a retry after a
 * lost response, does not create a second job.
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
