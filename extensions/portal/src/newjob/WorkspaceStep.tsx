/** The workspace step, with uploads from this computer. */

import { type Draft, type Problems, WorkspaceChoice } from '@outrider/ui';
import type { ReactElement } from 'react';

import { FolderChoice } from './FolderChoice.js';
import type { Filled, Upload } from './steps.js';

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
  return (
    <WorkspaceChoice
      draft={draft}
      folder={{
        title: 'Upload from this computer',
        body: <FolderChoice upload={upload} limit={limit} onUpload={onUpload} />,
      }}
      gitNote={
        <p className="or-faint">
          For a private repository, first add its password or deploy key in Settings.
        </p>
      }
      problem={problems.workspace}
      onChange={onChange}
    />
  );
}
