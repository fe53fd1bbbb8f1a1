/** Runs preflight checks while the form is filled in. */

import { useId, useState } from 'react';

import type { Submission } from '../api/types.js';
import { useApi } from '../shared/context.js';
import { useLoaded, useSettled } from '../shared/hooks.js';
import type { Check, SubmitShell } from '../shared/shell.js';

const SETTLE_MS = 400;
const NONE: readonly Check[] = [];

/** `submission` is null while the form is invalid. `check` replaces the service's check with the shell's. */
export function usePreflight(
  submission: Submission | null,
  check?: SubmitShell['check'],
): { items: readonly Check[]; failed: string | null } {
  const api = useApi();
  const form = useId();
  // The key covers the whole submission, as any field can cause a refusal.
  const settled = useSettled(submission === null ? '' : JSON.stringify(submission), SETTLE_MS);
  const loaded = useLoaded(`preflight/${form}/${settled}`, async (signal) => {
    if (settled === '') return NONE;
    const wanted = JSON.parse(settled) as Submission;
    return check === undefined ? (await api.preflight(wanted, signal)).items : check(wanted, signal);
  });
  // Keep the last result while the next one loads, so that the layout does not jump.
  const [held, setHeld] = useState(NONE);
  if (loaded.value !== undefined && settled !== '' && loaded.value !== held) setHeld(loaded.value);
  return { items: submission === null ? NONE : held, failed: loaded.error?.message ?? null };
}
