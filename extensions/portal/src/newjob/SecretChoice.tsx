/** Checkboxes for the secrets that the job gets as environment variables. */

import { type Draft, useLoaded, words } from '@outrider/ui';
import type { ReactElement } from 'react';
import { Link } from 'wouter';

import { usePlatform } from '../forms.js';

export function SecretChoice({
  draft,
  problem,
  onChange,
}: {
  draft: Draft;
  problem: string | undefined;
  onChange: (changes: Partial<Draft>) => void;
}): ReactElement | null {
  const platform = usePlatform();
  const secrets = useLoaded('secrets', (signal) => platform.secrets(signal));
  const known = (secrets.value?.items ?? []).filter((one) => one.kind === 'variable').map((one) => one.name);
  if (secrets.value === undefined) return null;
  const chosen = words(draft.secrets);
  // A link may name unknown secrets; list them too, so that they can be removed.
  const names = [...new Set([...known, ...chosen])];
  return (
    <fieldset>
      <legend>Secrets</legend>
      {names.length === 0 && (
        <p className="or-faint">
          No secrets yet. Add one in{' '}
          <Link href="/settings" className="portal-link">
            Settings
          </Link>
          .
        </p>
      )}
      <div className="or-radios">
        {names.map((name) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={chosen.includes(name)}
              onChange={(event) => {
                const rest = chosen.filter((other) => other !== name);
                onChange({ secrets: (event.target.checked ? [...rest, name] : rest).join(', ') });
              }}
            />
            <code>{name}</code>
          </label>
        ))}
      </div>
      {problem !== undefined && <p className="or-wrong">{problem}</p>}
    </fieldset>
  );
}
