/** What would become of a submission, asked while it is filled in. */

import { useId, useState } from 'react';

import type { Submission } from '../api/types.js';
import { useApi } from '../shared/context.js';
import { useLoaded, useSettled } from '../shared/hooks.js';
import type { Check, SubmitShell } from '../shared/shell.js';

const SETTLE_MS = 400;
const NONE: readonly Check[] = [];

/** `submission` null: not ready to be looked at. `check` is the shell's, which may know more than the service. */
export function usePreflight(
  submission: Submission | null,
  check?: SubmitShell['check'],
): { items: readonly Check[]; failed: string | null } {
  const api = useApi();
  const form = useId();
  // All of it: each field may be what it would be refused for.
  const settled = useSettled(submission === null ? '' : JSON.stringify(submission), SETTLE_MS);
  const loaded = useLoaded(`preflight/${form}/${settled}`, async (signal) => {
    if (settled === '') return NONE;
    const wanted = JSON.parse(settled) as Submission;
    return check === undefined ? (await api.preflight(wanted, signal)).items : check(wanted, signal);
  });
  // While the next answer is on its way the last one stays, so that nothing jumps.
  const [held, setHeld] = useState(NONE);
  if (loaded.value !== undefined && settled !== '' && loaded.value !== held) setHeld(loaded.value);
  return { items: submission === null ? NONE : held, failed: loaded.error?.message ?? null };
}
