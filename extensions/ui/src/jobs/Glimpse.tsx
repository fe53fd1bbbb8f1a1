/** The latest chart values and log lines of a job, for the overview. */

import type { ReactElement } from 'react';

import { type ChartList, hasEnded, type Job, type LogLine } from '../api/types.js';
import { plainText } from '../shared/ansi.js';
import { chartName, chartOrder, chartWriter, metricOfLine } from '../shared/units.js';
import { useApi } from '../shared/context.js';
import { useEvery, useLoaded } from '../shared/hooks.js';
import { Link } from '../shared/basics.js';

const LOOK_MS = 2_000;
const TAIL = 200;
const LINES = 6;

export function Glimpse({ job }: { job: Job }): ReactElement | null {
  const api = useApi();
  const charts = useLoaded(`charts/${job.id}/${job.status}`, (signal) => api.charts(job.id, signal));
  const log = useLoaded(`tail/${job.id}/${job.status}`, (signal) => api.logs(job.id, { tail: TAIL }, signal));
  const living = !hasEnded(job);
  useEvery(LOOK_MS, living, charts.reload);
  useEvery(LOOK_MS, living, log.reload);
  const items = charts.value?.items.filter((chart) => chart.series.length > 0) ?? [];
  // The failure card shows the relevant lines already.
  const lines = job.status === 'failed' ? [] : ordinary(log.value?.items ?? []);
  return (
    <>
      {items.length > 0 && (
        <>
          <header className="or-glimpse-head">
            <h2>Latest values</h2>
            <Link to={{ page: 'job', id: job.id, view: { tab: 'charts' } }}>Charts</Link>
          </header>
          <Values items={items} />
        </>
      )}
      {lines.length > 0 && (
        <>
          <header className="or-glimpse-head">
            <h2>Last lines</h2>
            <Link to={{ page: 'job', id: job.id, view: { tab: 'log' } }}>Log</Link>
          </header>
          {/* Focusable, so that the keyboard can scroll it. */}
          {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <pre className="or-glimpse-log" tabIndex={0} role="region" aria-label="Last lines">
            {lines.join('\n')}
          </pre>
        </>
      )}
    </>
  );
}

function Values({ items }: { items: ChartList['items'] }): ReactElement {
  const sorted = [...items].sort(
    (a, b) =>
      Number(a.system) - Number(b.system) || (a.system ? chartOrder(a.chart) - chartOrder(b.chart) : 0),
  );
  return (
    <dl className="or-glimpse">
      {sorted.slice(0, 12).map(({ chart, series }) => {
        const write = chartWriter(chart);
        const last = Math.max(...series.map((one) => one.attempt));
        return (
          <div key={chart}>
            <dt>{chartName(chart)}</dt>
            {series
              .filter((one) => one.attempt === last)
              .slice(0, 4)
              .map((one) => (
                <dd key={`${one.name}/${String(one.node)}`}>
                  <strong>{write(one.y)}</strong> <span className="or-faint">{one.name}</span>
                </dd>
              ))}
          </div>
        );
      })}
    </dl>
  );
}

/** Log lines without metrics, which are shown as values already. */
function ordinary(lines: readonly LogLine[]): string[] {
  return lines
    .map((line) => plainText(line.text))
    .filter((text) => text.trim() !== '' && metricOfLine(text) === null)
    .slice(-LINES);
}
