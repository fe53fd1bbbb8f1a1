/** What the job runs: a shell command or a notebook. */

import type { ReactElement } from 'react';

import type { Draft, Problems } from './draft.js';
import { Field, TextField } from './fields.js';

export function WhatRuns({
  draft,
  problems,
  onChange,
}: {
  draft: Draft;
  problems: Problems;
  onChange: (changes: Partial<Draft>) => void;
}): ReactElement {
  if (draft.runs === 'notebook') {
    return (
      <TextField
        label="Notebook"
        value={draft.notebook}
        mono
        problem={problems.notebook}
        hint="Runs all cells in order; the executed notebook is saved as an artifact."
        onChange={(notebook) => {
          onChange({ notebook });
        }}
      />
    );
  }
  return (
    <Field label="Command" problem={problems.command}>
      {(ids) => (
        <textarea
          {...ids}
          className="or-mono"
          rows={Math.min(8, draft.command.split('\n').length + 1)}
          value={draft.command}
          placeholder="python train.py"
          spellCheck={false}
          onChange={(event) => {
            onChange({ command: event.target.value });
          }}
        />
      )}
    </Field>
  );
}
