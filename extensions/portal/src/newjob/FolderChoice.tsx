/** Selects or drops a folder or zip file, and shows its upload and what was excluded. */

import { bytes, Button, count, Problem } from '@outrider/ui';
import { type DragEvent, type ReactElement, useState } from 'react';

import { dropped, folderOfFiles, type Item } from '../folder/tree.js';
import type { Upload } from './steps.js';
import { type Largest, useFolder } from './useFolder.js';

const NAMES_SHOWN = 6;

export function FolderChoice({
  upload,
  limit,
  onUpload,
}: {
  upload: Upload | null;
  limit: number;
  onUpload: (upload: Upload | null) => void;
}): ReactElement {
  const { state, take, cancel } = useFolder(limit, onUpload);
  const [over, setOver] = useState(false);
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    const item = dropped(event.dataTransfer);
    if (item !== null) take(item);
  };
  const here = state.phase === 'sent' ? state.upload : state.phase === 'idle' ? upload : null;
  return (
    <div className="newjob-files">
      <div
        className={over ? 'newjob-drop newjob-drop-over' : 'newjob-drop'}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => {
          setOver(false);
        }}
        onDrop={drop}
      >
        <p>Drop a folder or zip file here, or</p>
        <div className="or-toolbar">
          <FileButton label="Choose folder" folder onChoose={take} />
          <FileButton label="Choose zip" onChoose={take} />
        </div>
        <p className="or-faint">
          Files listed in <code>.gitignore</code> or <code>.outriderignore</code> are excluded. Maximum size{' '}
          {bytes(limit)}.
        </p>
      </div>
      <div role="status">
        {state.phase === 'busy' && (
          <p className="newjob-sending">
            {state.words} <progress max={1} value={state.share} aria-label={state.words} />
            <Button tone="quiet" onClick={cancel}>
              Cancel
            </Button>
          </p>
        )}
        {here !== null && (
          <p>
            <strong>{here.name}</strong>: {count(here.files)} {here.files === 1 ? 'file' : 'files'},{' '}
            {bytes(here.size)} compressed.
            {state.phase === 'sent' && state.known && ' Already uploaded.'}
            {state.phase === 'sent' && state.leftOut.length > 0 && (
              <span className="or-faint"> Excluded: {shortList(state.leftOut)}.</span>
            )}
          </p>
        )}
      </div>
      {state.phase === 'failed' && (
        <>
          <Problem>{state.message}</Problem>
          <LargestFiles files={state.largest} />
        </>
      )}
    </div>
  );
}

function FileButton({
  label,
  folder = false,
  onChoose,
}: {
  label: string;
  folder?: boolean;
  onChoose: (item: Item) => void;
}): ReactElement {
  return (
    <label className="or-button or-button-plain portal-upload">
      {label}
      <input
        type="file"
        className="or-hidden"
        {...(folder ? { webkitdirectory: '' } : { accept: '.zip,application/zip' })}
        onChange={(event) => {
          const files = [...(event.target.files ?? [])];
          const [first] = files;
          const item: Item | null = folder
            ? folderOfFiles(files)
            : first === undefined
              ? null
              : { kind: 'file', name: first.name, file: () => Promise.resolve(first) };
          // Reset, so that selecting the same folder again fires an event: its files may have changed.
          event.target.value = '';
          if (item !== null) onChoose(item);
        }}
      />
    </label>
  );
}

function LargestFiles({ files }: { files: readonly Largest[] }): ReactElement | null {
  if (files.length === 0) return null;
  return (
    <div className="or-look">
      <p>Largest files:</p>
      <ul>
        {files.map((file) => (
          <li key={file.path}>
            <code>{file.path}</code> <span className="or-faint or-number">{bytes(file.size)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).join(', ');
  return names.length > NAMES_SHOWN ? `${shown} and ${count(names.length - NAMES_SHOWN)} more` : shown;
}
