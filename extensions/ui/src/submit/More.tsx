/** What few jobs need: variables, secrets, ports, labels, limits. */

import type { ReactElement } from 'react';

import type { Draft, Problems } from './draft.js';
import { EnvRows, Field, TextField } from './fields.js';

interface Props {
  draft: Draft;
  problems: Problems;
  groups: readonly string[];
  /** Where the shell has a better way to choose secrets than to type their names. */
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
  ['timeout', 'timeout_s', 'Timeout', 'none; such as 2 h'],
  ['retries', 'retries', 'Retries when it fails', '0'],
  ['project', 'project', 'Project', ''],
  ['experiment', 'experiment', 'Experiment', ''],
  ['tags', 'tags', 'Tags', 'separated by commas'],
  ['priority', 'priority', 'Priority', '0'],
  ['ports', 'ports', 'Ports that it serves', 'such as 8080'],
  ['inputs', 'inputs', 'Artifacts of other jobs', 'name=job id'],
  ['secrets', 'secrets', 'Secrets', 'their names'],
  ['nodes', 'nodes', 'Machines at once', '1'],
  ['shm', 'shm_mb', 'Shared memory in MiB', 'half the memory'],
];

/** The fields of `More` that have a problem: they must be in sight. */
export const MORE_FIELDS: readonly string[] = ['env', ...TEXTS.map(([, field]) => field)];

export function More({ draft, problems, groups, withoutSecrets = false, onChange }: Props): ReactElement {
  return (
    <>
      <h3>Variables</h3>
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
          <Field label="Billed to" problem={problems.group}>
            {(ids) => (
              <select
                {...ids}
                value={draft.group}
                onChange={(event) => {
                  onChange({ group: event.target.value });
                }}
              >
                <option value="">me</option>
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
            Anybody may open its ports
          </label>
        )}
      </div>
    </>
  );
}
