/** Which code the job starts with: files of this computer, a repository, what an earlier job had, or none. */

import { type Draft, GitFields, type Problems } from '@outrider/ui';
import { type ReactElement, useId } from 'react';

import { FolderChoice } from './FolderChoice.js';
import type { Filled, Upload } from './steps.js';

type Kind = Draft['workspace'];

const KINDS: readonly (readonly [Kind, string])[] = [
  ['folder', 'Files of this computer'],
  ['git', 'A Git repository'],
  ['kept', 'As it was'],
  ['none', 'None'],
];

export function WorkspaceStep({
  filled,
  problems,
  limit,
  onChange,
  onUpload,
}: {
  filled: Filled;
  problems: Problems;
  limit: number;
  onChange: (changes: Partial<Draft>) => void;
  onUpload: (upload: Upload | null) => void;
}): ReactElement {
  const { draft, upload } = filled;
  const group = useId();
  return (
    <fieldset>
      <legend className="or-hidden">Workspace</legend>
      <div className="or-radios">
        {KINDS.filter(([kind]) => kind !== 'kept' || draft.kept !== undefined).map(([kind, title]) => (
          <label key={kind}>
            <input
              type="radio"
              name={group}
              checked={draft.workspace === kind}
              onChange={() => {
                onChange({ workspace: kind });
              }}
            />
            {title}
          </label>
        ))}
      </div>
      {draft.workspace === 'folder' && <FolderChoice upload={upload} limit={limit} onUpload={onUpload} />}
      {draft.workspace === 'git' && (
        <>
          <GitFields draft={draft} problem={problems.workspace} onChange={onChange} />
          <p className="or-faint">
            For a private one, set its login or deploy key on the page of settings first.
          </p>
        </>
      )}
      {draft.workspace === 'kept' && (
        <p className="or-faint">The very files that the earlier job ran with.</p>
      )}
      {draft.workspace === 'none' && (
        <p className="or-faint">The job starts in an empty directory. /storage is there all the same.</p>
      )}
      {draft.workspace !== 'git' && problems.workspace !== undefined && (
        <p className="or-wrong">{problems.workspace}</p>
      )}
    </fieldset>
  );
}
