/** A read-only preview of a notebook: cells with text and image output. */

import type { ReactElement } from 'react';

import { plainText } from '../shared/ansi.js';
import { cellsOf, type ShownCell, type ShownOutput } from './notebook.js';

const MOST_TEXT = 20_000;

export function NotebookPreview({ text }: { text: string }): ReactElement {
  const cells = cellsOf(text);
  if (cells === null) return <p className="or-faint">Not a valid notebook. Download it to view it.</p>;
  return (
    // Focusable, so that the keyboard can scroll it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="or-notebook" tabIndex={0} role="region" aria-label="Notebook">
      {cells.map((cell, i) => (
        <Cell key={i} cell={cell} />
      ))}
    </div>
  );
}

function Cell({ cell }: { cell: ShownCell }): ReactElement {
  return (
    <div className={`or-cell or-cell-${cell.kind}`}>
      <span className="or-cell-count or-faint">
        {cell.kind === 'code' && `[${cell.count === null ? ' ' : String(cell.count)}]`}
      </span>
      <pre className="or-cell-source">{cell.source}</pre>
      {cell.outputs.map((output, i) => (
        <Output key={i} output={output} />
      ))}
    </div>
  );
}

function Output({ output }: { output: ShownOutput }): ReactElement {
  if (output.kind === 'image') return <img className="or-cell-output" src={output.href} alt="Cell output" />;
  const text = plainText(output.text);
  return (
    <pre className={`or-cell-output ${output.kind === 'error' ? 'or-wrong' : ''}`}>
      {text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)} …` : text}
    </pre>
  );
}
