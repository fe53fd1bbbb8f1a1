/** Results of the preflight checks; each "no" says what to change. */

import type { ReactElement } from 'react';

import type { Check } from '../shared/shell.js';

const TITLES: Record<string, string> = {
  room: 'Machine',
  submission: 'Job',
  limits: 'Your limits',
  packages: 'Packages',
  kernel: 'Kernel',
};
const WORDS: Record<Check['answer'], string> = { yes: 'OK', no: 'Problem', unknown: 'Unknown' };

export function Checks({
  checks,
  failed,
}: {
  checks: readonly Check[];
  failed: string | null;
}): ReactElement | null {
  if (checks.length === 0 && failed === null) return null;
  return (
    <section className="or-checks" aria-label="Preflight checks" aria-live="polite">
      <ul>
        {checks.map(({ check, answer, message }) => (
          <li key={check} className={`or-check or-check-${answer}`}>
            <span className="or-check-mark" aria-hidden="true">
              {{ yes: '✓', no: '✗', unknown: '?' }[answer]}
            </span>
            <span>
              <strong>{TITLES[check] ?? check}</strong> <span className="or-hidden">{WORDS[answer]}. </span>
              {message}
            </span>
          </li>
        ))}
      </ul>
      {failed !== null && <p className="or-faint">Preflight checks failed to run: {failed}</p>}
    </section>
  );
}
