/** A uPlot canvas as a React component: recreated when its options change, updated in place when only data does. */

import { type KeyboardEvent, type ReactElement, useEffect, useRef } from 'react';
import uPlot from 'uplot';

import { clock, value } from '../shared/format.js';
import { aligned, type Drawn, pointsAt, type Settings } from './model.js';
import { listenForWheel, panned } from './pan.js';
import type { ChartTheme } from './theme.js';

export interface Point {
  key: string;
  index: number;
}

interface Props {
  label: string;
  series: Drawn[];
  colours: string[];
  hidden: ReadonlySet<string>;
  settings: Settings;
  xTitle: string;
  /** The x axis shows time since the start. */
  timed: boolean;
  /** The y axis starts at zero. */
  zero: boolean;
  /** Tick increments of the y axis, for units whose round numbers are not decimal. */
  steps: number[] | undefined;
  write: (y: number) => string;
  theme: ChartTheme;
  sync: string;
  height: number;
  pinnedKey: string | undefined;
  pinnedIndex: number | undefined;
  onCursor: (x: number | null) => void;
  onRange: (range: [number, number] | null) => void;
  onPin: (point: Point | null) => void;
}

const FONT = '11px system-ui, sans-serif';
const PIN_RADIUS = 5;
const STILL_PX = 4;
// uPlot's enum exists only in its types.
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment
const LOGARITHMIC: uPlot.Scale.Distr = 3;

export function Plot(props: Props): ReactElement {
  const {
    label,
    series,
    colours,
    hidden,
    settings,
    xTitle,
    timed,
    theme,
    sync,
    height,
    pinnedKey,
    pinnedIndex,
  } = props;
  const box = useRef<HTMLDivElement>(null);
  const said = useRef<HTMLSpanElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });

  const keys = series.map((one) => one.key).join('\n');
  const smoothing = settings.smoothing > 0;
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const made = new uPlot(options(latest, element.clientWidth), [[]], element);
    plot.current = made;
    const stopClicks = listenForClicks(made, latest);
    const stopWheel = listenForWheel(made, () => {
      const { settings, onRange } = latest.current;
      return { range: settings.range, whole: extent(latest.current.series), onRange };
    });
    const watch = new ResizeObserver(() => {
      if (element.clientWidth > 0)
        made.setSize({ width: element.clientWidth, height: latest.current.height });
    });
    watch.observe(element);
    return () => {
      watch.disconnect();
      stopClicks();
      stopWheel();
      made.destroy();
      plot.current = null;
    };
  }, [keys, colours, theme, smoothing, settings.log, settings.axis, sync, timed, xTitle, height]);

  useEffect(() => {
    const made = plot.current;
    if (made === null) return;
    made.batch(() => {
      made.setData(aligned(series, smoothing, settings.log), false);
      const [min, max] = settings.range ?? extent(series);
      made.setScale('x', { min, max });
      series.forEach((one, i) => {
        const show = !hidden.has(one.key);
        for (const n of smoothing ? [2 * i + 1, 2 * i + 2] : [i + 1]) {
          if (made.series[n]?.show !== show) made.setSeries(n, { show });
        }
      });
    });
    // Options are listed too: a recreated plot has no data yet.
  }, [
    series,
    hidden,
    smoothing,
    settings.range,
    keys,
    colours,
    theme,
    settings.log,
    settings.axis,
    sync,
    timed,
    xTitle,
    height,
  ]);

  useEffect(() => {
    plot.current?.redraw(false);
  }, [pinnedKey, pinnedIndex]);

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>): void => {
    const made = plot.current;
    if (made === null || event.altKey || event.ctrlKey || event.metaKey) return;
    if (!handleKey(made, props, event.key, said.current)) return;
    event.preventDefault();
  };

  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- a chart is moved through by keys
    <div
      className="or-plot"
      role="application"
      aria-roledescription="chart"
      aria-label={`${label}. Arrow keys move between points, Enter pins a point, plus and minus zoom, Page Up and Page Down pan.`}
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      onKeyDown={onKeyDown}
      onBlur={() => {
        plot.current?.setCursor({ left: -10, top: -10 }, true);
      }}
      style={{ height }}
    >
      <div ref={box} className="or-plot-box" aria-hidden="true" />
      <span ref={said} className="or-hidden" aria-live="polite" />
    </div>
  );
}

function extent(series: readonly Drawn[]): [number, number] {
  const ends = series.flatMap((one) => (one.x.length ? [one.x[0] ?? 0, one.x[one.x.length - 1] ?? 0] : []));
  if (ends.length === 0) return [0, 1];
  const [min, max] = [Math.min(...ends), Math.max(...ends)];
  return min === max ? [min - 0.5, max + 0.5] : [min, max];
}

interface Latest {
  current: Props;
}

function options(latest: Latest, width: number): uPlot.Options {
  const { series, colours, settings, xTitle, timed, zero, steps, write, theme, sync, height } =
    latest.current;
  const smoothing = settings.smoothing > 0;
  const grid = { stroke: theme.grid, width: 1 };
  const axis = { stroke: theme.text, font: FONT, grid, ticks: { show: false } };
  return {
    width: Math.max(width, 50),
    height,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: sync, scales: ['x', null], setSeries: false },
      drag: { x: true, y: false, setScale: false, dist: STILL_PX },
      points: { size: 7 },
      bind: {
        dblclick: () => () => {
          latest.current.onRange(null);
          return null;
        },
      },
    },
    scales: {
      x: { time: false },
      y: settings.log ? { distr: LOGARITHMIC } : { range: zero ? yRangeFromZero : yRange },
    },
    axes: [
      {
        ...axis,
        label: xTitle,
        labelFont: FONT,
        labelSize: 18,
        labelGap: 0,
        size: 24,
        gap: 4,
        space: 60,
        values: (_, ticks) => ticks.map((tick) => (timed ? clock(tick) : value(tick))),
        ...(timed ? { incrs: TIME_STEPS } : {}),
      },
      {
        ...axis,
        gap: 4,
        ...(steps ? { incrs: steps } : {}),
        size: (_, ticks) =>
          14 + 6.2 * Math.max(2, ...((ticks as string[] | null) ?? []).map((tick) => tick.length)),
        values: (_, ticks) => (ticks as (number | null)[]).map((tick) => (tick === null ? '' : write(tick))),
      },
    ],
    series: [
      {},
      ...series.flatMap((one, i): uPlot.Series[] => {
        const stroke = colours[i] ?? theme.accent;
        const points = { show: one.x.length < 2, size: 5 };
        const line = { stroke, width: 1.75, points };
        return smoothing
          ? [
              { ...line, width: 1, alpha: 0.28 },
              { ...line, points: { show: false } },
            ]
          : [line];
      }),
    ],
    hooks: {
      setCursor: [
        (u) => {
          const { left, idx } = u.cursor;
          const inside = left !== undefined && left >= 0 && idx !== null && idx !== undefined;
          latest.current.onCursor(inside ? (u.data[0][idx] ?? null) : null);
        },
      ],
      setSelect: [
        (u) => {
          const { left, width: wide } = u.select;
          if (wide < STILL_PX) return;
          latest.current.onRange([u.posToVal(left, 'x'), u.posToVal(left + wide, 'x')]);
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
      draw: [
        (u) => {
          drawPin(u, latest.current);
        },
      ],
    },
  };
}

const TIME_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800,
  604_800,
];

/** Adds padding above and below; centres a flat line. */
function yRange(_: uPlot, min: number | null, max: number | null): uPlot.Range.MinMax {
  if (min === null || max === null) return [0, 1];
  if (min === max) {
    const padding = Math.abs(min) * 0.1 || 1;
    return [min - padding, max + padding];
  }
  const padding = (max - min) * 0.06;
  // The padding must not make the axis negative when no value is.
  return [min >= 0 && min - padding < 0 ? 0 : min - padding, max + padding];
}

function yRangeFromZero(_: uPlot, min: number | null, max: number | null): uPlot.Range.MinMax {
  return [Math.min(0, min ?? 0), max === null || max <= 0 ? 1 : max * 1.08];
}

function valueOf(one: Drawn, index: number, smoothing: boolean): number {
  return (smoothing ? one.smoothed : one.y)[index] ?? 0;
}

function drawPin(u: uPlot, props: Props): void {
  const { pinnedKey, pinnedIndex, series, colours, theme, settings } = props;
  if (pinnedKey === undefined || pinnedIndex === undefined) return;
  const at = series.findIndex((one) => one.key === pinnedKey);
  const one = series[at];
  if (one === undefined) return;
  const x = u.valToPos(one.x[pinnedIndex] ?? NaN, 'x', true);
  const y = u.valToPos(valueOf(one, pinnedIndex, settings.smoothing > 0), 'y', true);
  if (!Number.isFinite(x) || !Number.isFinite(y)) return;
  const { ctx } = u;
  ctx.save();
  ctx.beginPath();
  ctx.arc(x, y, PIN_RADIUS * devicePixelRatio, 0, 2 * Math.PI);
  ctx.fillStyle = colours[at] ?? theme.accent;
  ctx.strokeStyle = theme.surface;
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.fill();
  ctx.stroke();
  ctx.restore();
}

/** A click pins the nearest point; a drag zooms. */
function listenForClicks(u: uPlot, latest: Latest): () => void {
  let from = NaN;
  const onDown = (event: MouseEvent): void => {
    from = event.clientX;
  };
  const onClick = (event: MouseEvent): void => {
    if (Math.abs(event.clientX - from) >= STILL_PX) return;
    const { left, top } = u.cursor;
    if (left === undefined || top === undefined) return;
    const { series, hidden, settings, onPin } = latest.current;
    let best: Point | null = null;
    let least = Infinity;
    for (const { series: one, index } of pointsAt(series, u.posToVal(left, 'x'))) {
      if (index < 0 || hidden.has(one.key)) continue;
      const dx = u.valToPos(one.x[index] ?? 0, 'x') - left;
      const dy = u.valToPos(valueOf(one, index, settings.smoothing > 0), 'y') - top;
      if (dx * dx + dy * dy < least) {
        least = dx * dx + dy * dy;
        best = { key: one.key, index };
      }
    }
    onPin(best);
  };
  u.over.addEventListener('mousedown', onDown);
  u.over.addEventListener('click', onClick);
  return () => {
    u.over.removeEventListener('mousedown', onDown);
    u.over.removeEventListener('click', onClick);
  };
}

/** Handles a key press; returns whether it was handled. */
function handleKey(u: uPlot, props: Props, key: string, said: HTMLElement | null): boolean {
  const { series, hidden, settings, timed, write, onRange, onPin } = props;
  const one = series.find((candidate) => !hidden.has(candidate.key) && candidate.x.length > 0);
  if (one === undefined) return false;
  const [min, max] = settings.range ?? extent(series);
  const { left } = u.cursor;
  const here = left !== undefined && left >= 0 ? u.posToVal(left, 'x') : max;
  const index = pointsAt([one], here)[0]?.index ?? 0;
  const zoom = (by: number): true => {
    const half = ((max - min) * by) / 2;
    onRange([Math.max(here - half, extent(series)[0]), Math.min(here + half, extent(series)[1])]);
    return true;
  };
  const steps: Record<string, number> = {
    ArrowLeft: left !== undefined && left >= 0 ? index - 1 : index,
    ArrowRight: left !== undefined && left >= 0 ? index + 1 : index,
    Home: 0,
    End: one.x.length - 1,
  };
  const to = steps[key];
  if (to !== undefined) {
    const next = Math.min(one.x.length - 1, Math.max(0, to));
    const [x, y] = [one.x[next] ?? 0, valueOf(one, next, settings.smoothing > 0)];
    const [px, py] = [u.valToPos(x, 'x'), u.valToPos(y, 'y')];
    u.setCursor({ left: px, top: py }, true);
    uPlot.sync(props.sync).pub('mousemove', u, px, py, u.over.clientWidth, u.over.clientHeight, -1);
    if (said) said.textContent = `${timed ? clock(x) : value(x)}: ${one.label} ${write(y)}`;
    return true;
  }
  switch (key) {
    case 'Enter':
    case ' ':
      onPin({ key: one.key, index });
      return true;
    case '+':
    case '=':
      return zoom(0.5);
    case '-':
      return zoom(2);
    case 'PageUp':
    case 'PageDown':
      onRange(panned([min, max], extent(series), ((max - min) / 2) * (key === 'PageUp' ? -1 : 1)));
      return true;
    case '0':
    case 'Escape':
      onRange(null);
      onPin(null);
      return true;
    default:
      return false;
  }
}
