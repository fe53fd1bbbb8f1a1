/** One chart: title, legend with the values at the cursor, plot, and the pinned point. */

import { type ReactElement, useCallback, useEffect, useMemo, useRef, useState } from 'react';

import { clock, count, timeOfDay, value } from '../shared/format.js';
import { chartSteps, chartTitle, chartWriter } from '../shared/units.js';
import { Button } from '../shared/basics.js';
import type { ChartData } from './chartStore.js';
import { useApi } from '../shared/context.js';
import { useLoaded, useSettled } from '../shared/hooks.js';
import {
  type Choice,
  choiceOf,
  chosenPoint,
  type Context,
  drawn,
  type Drawn,
  type Part,
  partOf,
  pointOfLine,
  pointsAt,
  refined,
  type Settings,
} from './model.js';
import { Plot, type Point } from './Plot.js';
import { useChartTheme } from './theme.js';

const HEIGHT = 210;
const TALL = 420;

interface Props {
  job: string | null;
  chart: ChartData;
  /** Changes whenever the data of this chart does. */
  version: number;
  settings: Settings;
  context: Context;
  sync: string;
  colourOf: (label: string) => number;
  /** A log line whose point is to be pinned. */
  line: number | undefined;
  onRange: (range: [number, number] | null) => void;
  onLine: (line: number, key: string) => void;
}

export function ChartCard(props: Props): ReactElement {
  const { job, chart, version, settings, context, sync, colourOf, line, onRange, onLine } = props;
  const card = useRef<HTMLElement>(null);
  const theme = useChartTheme(card);
  const seen = useSeen(card);
  const [large, setLarge] = useState(false);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState<number | null>(null);
  const [pinned, setPinned] = useState<Choice | null>(null);
  const title = chartTitle(chart.chart);
  const write = chartWriter(chart.chart);
  const timed = settings.axis === 'time';

  const shownChart = useRefined(job, chart, version, settings, context);
  const series = useMemo(
    () => drawn(shownChart, settings, context),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the chart is changed in place; its version says when
    [shownChart, version, settings.axis, settings.smoothing, context],
  );
  const labels = series.map((one) => one.label).join('\n');
  const colours = useMemo(
    () => labels.split('\n').map((label) => theme?.series[colourOf(label) % theme.series.length] ?? ''),
    [labels, theme, colourOf],
  );

  // The URL names a log line: pin its point and scroll to the chart.
  const shown = useRef<number | undefined>(undefined);
  useEffect(() => {
    if (line === undefined || shown.current === line) return;
    const point = pointOfLine(series, line);
    if (point === null) return;
    shown.current = line;
    setPinned(choiceOf(point.series, point.index));
    card.current?.scrollIntoView({ block: 'center' });
  }, [line, series]);

  const toggle = useCallback((key: string) => {
    setHidden((old) => {
      const next = new Set(old);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  }, []);

  const at = pinned === null ? null : chosenPoint(series, pinned);
  const pin = useCallback(
    (point: Point | null) => {
      const one = series.find((candidate) => candidate.key === point?.key);
      setPinned(one === undefined || point === null ? null : choiceOf(one, point.index));
    },
    [series],
  );
  const height = large ? TALL : HEIGHT;
  return (
    <section ref={card} className={`or-chart ${large ? 'or-chart-large' : ''}`} aria-label={title}>
      <header>
        <h3>{title}</h3>
        <span className="or-faint or-number">
          {cursor !== null && (timed ? clock(cursor) : `${xName(chart, settings)} ${value(cursor)}`)}
        </span>
        <Button
          tone="quiet"
          icon="enlarge"
          label={large ? 'Collapse' : 'Expand'}
          aria-pressed={large}
          onClick={() => {
            setLarge(!large);
          }}
        />
      </header>
      <Legend
        series={series}
        colours={colours}
        hidden={hidden}
        cursor={cursor}
        smoothing={settings.smoothing > 0}
        write={write}
        onToggle={toggle}
      />
      {theme !== null && seen ? (
        <Plot
          label={summary(title, series, write)}
          series={series}
          colours={colours}
          hidden={hidden}
          settings={settings}
          xTitle={timed ? 'time' : xName(chart, settings)}
          timed={timed}
          zero={chart.system}
          steps={chartSteps(chart.chart)}
          write={write}
          theme={theme}
          sync={timed ? `${sync}/time` : `${sync}/step`}
          height={height}
          pinnedKey={at?.series.key}
          pinnedIndex={at?.index}
          onCursor={setCursor}
          onRange={onRange}
          onPin={pin}
        />
      ) : (
        <div className="or-plot" style={{ height }} />
      )}
      <Kept
        at={at}
        timed={timed}
        write={write}
        onLine={onLine}
        onClose={() => {
          setPinned(null);
        }}
      />
    </section>
  );
}

function xName(chart: ChartData, settings: Settings): string {
  return settings.axis === 'time' ? 'time' : (chart.axis ?? 'step');
}

function summary(title: string, series: readonly Drawn[], write: (y: number) => string): string {
  const last = series.map((one) => `${one.label} ${write(one.y[one.y.length - 1] ?? NaN)}`.trim());
  return `${title}, latest values: ${last.join('; ')}`;
}

interface LegendProps {
  series: Drawn[];
  colours: string[];
  hidden: ReadonlySet<string>;
  cursor: number | null;
  smoothing: boolean;
  write: (y: number) => string;
  onToggle: (key: string) => void;
}

function Legend({ series, colours, hidden, cursor, smoothing, write, onToggle }: LegendProps): ReactElement {
  const points = pointsAt(series, cursor ?? Infinity);
  return (
    <div className="or-legend">
      {points.map(({ series: one, index }, i) => {
        const raw = one.y[index];
        const text = raw === undefined ? '' : write(smoothing ? (one.smoothed[index] ?? raw) : raw);
        return (
          <button
            key={one.key}
            type="button"
            aria-pressed={!hidden.has(one.key)}
            title={hidden.has(one.key) ? 'Show' : 'Hide'}
            onClick={() => {
              onToggle(one.key);
            }}
          >
            <span className="or-swatch" style={{ backgroundColor: colours[i] }} aria-hidden="true" />
            {one.label !== '' && <span>{one.label}</span>}
            <strong className="or-number">{text}</strong>
            {smoothing && raw !== undefined && <span className="or-faint or-number">{write(raw)}</span>}
          </button>
        );
      })}
    </div>
  );
}

interface KeptProps {
  at: { series: Drawn; index: number } | null;
  timed: boolean;
  write: (y: number) => string;
  onLine: (line: number, key: string) => void;
  onClose: () => void;
}

/** Always rendered, so that pinning a point does not shift the layout. */
function Kept({ at, timed, write, onLine, onClose }: KeptProps): ReactElement {
  if (at === null) return <p className="or-kept or-faint">Click to pin a point; drag to zoom.</p>;
  const { series, index } = at;
  const line = series.line[index] ?? 0;
  const x = series.x[index] ?? 0;
  return (
    <p className="or-kept">
      <strong>{write(series.y[index] ?? 0)}</strong>
      <span>
        {series.label} at {timed ? clock(x) : value(x)}
      </span>
      <span className="or-faint">{timeOfDay(new Date((series.time[index] ?? 0) * 1000))}</span>
      {line > 0 && (
        <Button
          tone="quiet"
          icon="log"
          onClick={() => {
            onLine(line, series.key);
          }}
        >
          Line {count(line)}
        </Button>
      )}
      <Button tone="quiet" icon="close" label="Unpin point" onClick={onClose} />
    </p>
  );
}

const SETTLE_MS = 250;
const DETAIL = 4_000;

/** The chart with the full-resolution points of the zoomed range, once they are loaded. */
function useRefined(
  job: string | null,
  chart: ChartData,
  version: number,
  settings: Settings,
  context: Context,
): ChartData {
  const api = useApi();
  const part = job === null ? null : partOf(chart, settings, context);
  const wanted = useSettled(part === null ? '' : JSON.stringify(part), SETTLE_MS);
  const finer = useLoaded(`part/${job ?? ''}/${chart.chart}/${wanted}`, async (signal) => {
    if (wanted === '' || job === null) return null;
    const asked = JSON.parse(wanted) as Part;
    return { part: asked, chart: await api.chart(job, chart.chart, { points: DETAIL, ...asked }, signal) };
  });
  const found = part === null ? null : finer.value;
  return useMemo(
    () => (found ? refined(chart, found.chart, found.part) : chart),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the chart is changed in place; its version says when
    [chart, version, found],
  );
}

/** Whether the element has come near the viewport: plots are created lazily. */
function useSeen(element: React.RefObject<HTMLElement>): boolean {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const node = element.current;
    if (node === null) return;
    const watch = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        setSeen(true);
        watch.disconnect();
      },
      { rootMargin: '300px' },
    );
    watch.observe(node);
    return () => {
      watch.disconnect();
    };
  }, [element]);
  return seen;
}
