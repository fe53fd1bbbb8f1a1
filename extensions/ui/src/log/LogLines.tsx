/** A log line with terminal colours, and the panel that shows a selected line in full. */

import { type CSSProperties, memo, type ReactElement, type ReactNode } from 'react';

import type { LogLine } from '../api/types.js';
import { type Piece, parseAnsi, plainText, type Style } from '../shared/ansi.js';
import { count, moment, timeOfDay } from '../shared/format.js';
import { splitMatches } from './matches.js';
import { chartTitle, metricOfLine } from '../shared/units.js';
import { Button, CopyButton } from '../shared/basics.js';

/** Longer lines are truncated, since they slow the browser down; the detail panel shows them in full. */
const MOST_SHOWN = 2_000;

interface RowProps {
  n: number;
  line: LogLine | undefined;
  times: boolean;
  attempts: boolean;
  nodes: boolean;
  needle: string;
  found: boolean;
  chosen: boolean;
  onChoose: (n: number | undefined) => void;
}

export const LogLineRow = memo(function LogLineRow(props: RowProps): ReactElement {
  const { n, line, times, attempts, nodes, needle, found, chosen, onChoose } = props;
  const metric = line !== undefined && metricOfLine(line.text) !== null;
  const classes = [
    'or-line',
    chosen && 'or-line-chosen',
    found && 'or-line-found',
    metric && 'or-line-metric',
  ].filter(Boolean);
  return (
    <div className={classes.join(' ')}>
      <button
        type="button"
        className="or-line-n"
        tabIndex={-1}
        aria-label={`Line ${String(n)}`}
        aria-pressed={chosen}
        onClick={() => {
          onChoose(chosen ? undefined : n);
        }}
      >
        {n}
      </button>
      {times && <span className="or-line-time">{line ? timeOfDay(new Date(line.time), true) : ''}</span>}
      {attempts && <span className="or-line-mark">{line ? `#${String(line.attempt)}` : ''}</span>}
      {nodes && <span className="or-line-mark">{line ? `n${String(line.node)}` : ''}</span>}
      <span className="or-line-text">{line ? coloured(line.text, needle) : '…'}</span>
    </div>
  );
});

function coloured(text: string, needle: string): ReactNode {
  const shown =
    text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)} … (${count(text.length)} characters)` : text;
  return parseAnsi(shown).map((piece, i) => <StyledPiece key={i} piece={piece} needle={needle} />);
}

function StyledPiece({ piece, needle }: { piece: Piece; needle: string }): ReactElement {
  const text = needle === '' ? piece.text : marked(piece.text, needle);
  if (Object.keys(piece.style).length === 0) return <>{text}</>;
  return (
    <span className={classesOf(piece.style)} style={coloursOf(piece.style)}>
      {text}
    </span>
  );
}

function marked(text: string, needle: string): ReactNode {
  return splitMatches(text, needle).map((part, i) => (i % 2 === 1 ? <mark key={i}>{part}</mark> : part));
}

function classesOf(style: Style): string {
  const classes = [];
  if (style.bold) classes.push('or-ansi-bold');
  if (style.dim) classes.push('or-ansi-dim');
  if (style.italic) classes.push('or-ansi-italic');
  if (style.underline) classes.push('or-ansi-underline');
  if (style.inverse) classes.push('or-ansi-inverse');
  if (typeof style.fg === 'number') classes.push(`or-ansi-fg-${String(style.fg)}`);
  if (typeof style.bg === 'number') classes.push(`or-ansi-bg-${String(style.bg)}`);
  return classes.join(' ');
}

function coloursOf(style: Style): CSSProperties | undefined {
  const colours: CSSProperties = {};
  if (typeof style.fg === 'string') colours.color = style.fg;
  if (typeof style.bg === 'string') colours.backgroundColor = style.bg;
  return colours;
}

interface DetailProps {
  line: LogLine;
  onChart: (chart: string) => void;
  onClose: () => void;
}

export function LineDetail({ line, onChart, onClose }: DetailProps): ReactElement {
  const text = plainText(line.text);
  const metric = metricOfLine(text);
  return (
    <aside className="or-line-detail" aria-label={`Line ${String(line.n)}`}>
      <header>
        <strong>Line {count(line.n)}</strong>
        <span className="or-faint">{moment(new Date(line.time))}</span>
        {metric !== null && (
          <Button
            icon="chart"
            onClick={() => {
              onChart(metric.chart);
            }}
          >
            Show in chart “{chartTitle(metric.chart)}”
          </Button>
        )}
        <CopyButton text={text} what="line" />
        <Button tone="quiet" icon="close" label="Close" onClick={onClose} />
      </header>
      {/* Focusable, so that the keyboard can scroll it. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0} role="region" aria-label="Full line">
        {text}
      </pre>
    </aside>
  );
}
