/** Optional settings: variables, secrets, ports, labels, limits. */

import type { ReactElement } from 'react';

import type { Draft, Problems } from './draft.js';
import { EnvRows, Field, TextField } from './fields.js';

interface Props {
  draft: Draft;
  problems: Problems;
  groups: readonly string[];
  /** Hides the field for secrets, where the shell has its own way to select them. */
  withoutSecrets?: boolean;
  onChange: (changes: Partial<Draft>) => void;
}

type TextKey =
  | 'secrets'
  | 'ports'
  | 'inputs'
  | 'tags'
  | 'project'
  | 'experiment'
  | 'timeout'
  | 'retries'
  | 'priority'
  | 'nodes'
  | 'shm';

const TEXTS: [TextKey, string, string, string][] = [
  ['timeout', 'timeout_s', 'Timeout', 'none; e.g. 2 h'],
  ['retries', 'retries', 'Retries on failure', '0'],
  ['project', 'project', 'Project', ''],
  ['experiment', 'experiment', 'Experiment', ''],
  ['tags', 'tags', 'Tags', 'comma-separated'],
  ['priority', 'priority', 'Priority', '0'],
  ['ports', 'ports', 'Exposed ports', 'e.g. 8080'],
  ['inputs', 'inputs', 'Inputs from other jobs', 'name=job-id'],
  ['secrets', 'secrets', 'Secrets', 'names, comma-separated'],
  ['nodes', 'nodes', 'Nodes', '1'],
  ['shm', 'shm_mb', 'Shared memory (MiB)', 'half of memory'],
];

/** The submission fields edited here; the form expands this section if one of them has a problem. */
export const MORE_FIELDS: readonly string[] = ['env', ...TEXTS.map(([, field]) => field)];

export function More({ draft, problems, groups, withoutSecrets = false, onChange }: Props): ReactElement {
  return (
    <>
      <h3>Environment variables</h3>
      <EnvRows
        env={draft.env}
        problem={problems.env}
        onChange={(env) => {
          onChange({ env });
        }}
      />
      <div className="or-pairs">
        {TEXTS.filter(([key]) => !(withoutSecrets && key === 'secrets')).map(
          ([key, field, title, placeholder]) => (
            <TextField
              key={key}
              label={title}
              value={draft[key]}
              placeholder={placeholder}
              problem={problems[field]}
              onChange={(value) => {
                onChange({ [key]: value });
              }}
            />
          ),
        )}
        {groups.length > 0 && (
          <Field label="Bill to" problem={problems.group}>
            {(ids) => (
              <select
                {...ids}
                value={draft.group}
                onChange={(event) => {
                  onChange({ group: event.target.value });
                }}
              >
                <option value="">Me</option>
                {groups.map((group) => (
                  <option key={group}>{group}</option>
                ))}
              </select>
            )}
          </Field>
        )}
        {draft.ports.trim() !== '' && (
          <label className="or-tick">
            <input
              type="checkbox"
              checked={draft.isPublic}
              onChange={(event) => {
                onChange({ isPublic: event.target.checked });
              }}
            />
            Allow public access to these ports
          </label>
        )}
      </div>
    </>
  );
}
