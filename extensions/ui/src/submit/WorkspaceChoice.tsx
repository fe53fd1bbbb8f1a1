/** Workspace selection: the shell's folder, a Git repository, an earlier job's files, or none. */

import { type ReactElement, type ReactNode, useId } from 'react';

import { Loading, Problem } from '../shared/basics.js';
import type { Draft, WorkspaceKind } from './draft.js';
import { bytes, count } from '../shared/format.js';
import { useLoaded } from '../shared/hooks.js';
import { Radios, TextField } from './fields.js';
import type { FolderLook } from '../shared/shell.js';

interface Props {
  draft: Draft;
  /** The shell's folder: its title and description. */
  folder: { title: string; body: ReactElement } | undefined;
  /** A note below the Git fields. */
  gitNote?: ReactNode;
  problem: string | undefined;
  onChange: (changes: Partial<Draft>) => void;
}

export function WorkspaceChoice({ draft, folder, gitNote, problem, onChange }: Props): ReactElement {
  const kinds: [WorkspaceKind, string][] = [];
  if (folder !== undefined) kinds.push(['folder', folder.title]);
  kinds.push(['git', 'Git repository']);
  if (draft.kept?.type === 'snapshot') kinds.push(['kept', 'Same as before']);
  kinds.push(['none', 'None']);
  return (
    <fieldset className="or-workspace">
      <legend>Workspace</legend>
      <Radios
        options={kinds}
        chosen={draft.workspace}
        onChange={(workspace) => {
          onChange({ workspace });
        }}
      />
      {draft.workspace === 'folder' && folder?.body}
      {draft.workspace === 'git' && (
        <>
          <GitFields draft={draft} problem={problem} onChange={onChange} />
          {gitNote}
        </>
      )}
      {draft.workspace === 'kept' && <p className="or-faint">Uses the same files as the original job.</p>}
      {draft.workspace === 'none' && (
        <p className="or-faint">The job starts in an empty directory. /storage is still available.</p>
      )}
      {draft.workspace !== 'git' && problem !== undefined && <p className="or-wrong">{problem}</p>}
    </fieldset>
  );
}

/** Repository URL and ref. */
function GitFields({
  draft,
  problem,
  onChange,
}: Pick<Props, 'draft' | 'problem' | 'onChange'>): ReactElement {
  return (
    <div className="or-pair">
      <TextField
        label="Repository"
        value={draft.url}
        placeholder="https://example.org/team/project.git"
        problem={problem}
        onChange={(url) => {
          onChange({ url });
        }}
      />
      <TextField
        label="Branch, tag or commit"
        value={draft.ref}
        placeholder="default branch"
        onChange={(ref) => {
          onChange({ ref });
        }}
      />
    </div>
  );
}

/** Size of a folder, and what is excluded. */
export function FolderSummary({
  folder,
}: {
  folder: (signal: AbortSignal) => Promise<FolderLook>;
}): ReactElement {
  const look = useLoaded(`folder/${useId()}`, folder);
  if (look.error) return <Problem onRetry={look.reload}>{look.error.message}</Problem>;
  if (look.value === undefined) return <Loading />;
  const { folder: path, files, size, largest, left_out: out, warnings } = look.value;
  return (
    <div className="or-look">
      <p>
        <code>{path}</code>: {count(files)} {files === 1 ? 'file' : 'files'}, <strong>{bytes(size)}</strong>
        {out.length > 0 && <>; excluded: {shortList(out)}</>}
      </p>
      {warnings.map((text) => (
        <p key={text} className="or-warning">
          {text}
        </p>
      ))}
      {largest.length > 0 && (
        <details>
          <summary>Largest files</summary>
          <ul>
            {largest.map((file) => (
              <li key={file.path}>
                <code>{file.path}</code> <span className="or-faint or-number">{bytes(file.size)}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
      <p className="or-faint">
        Files ignored by Git or listed in <code>.outriderignore</code> are excluded.
      </p>
    </div>
  );
}

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, 6).join(', ');
  return names.length > 6 ? `${shown} and ${count(names.length - 6)} more` : shown;
}
