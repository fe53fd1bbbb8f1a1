/** Turns stored series into the data that a plot draws. Pure. */

import uPlot from 'uplot';

import type { Chart } from '../api/types.js';
import { type Axis, type Columns, type Course, courseOf, nearest, placed } from './axis.js';
import { chartOrder } from '../shared/units.js';
import { smooth } from './smoothing.js';
import { type ChartData, type SeriesData, seriesKey } from './chartStore.js';

export interface Settings {
  axis: Axis;
  /** Weight of the moving average, in [0, 1). */
  smoothing: number;
  log: boolean;
  /** The zoomed range; null means everything. */
  range: [number, number] | null;
}

/** A series ready to draw: sorted points and their smoothed values. */
export interface Drawn extends Columns {
  key: string;
  label: string;
  smoothed: number[];
}

export interface Context {
  origin: number;
  course: Course | null;
  /** When several jobs are compared: the placing of the job that owns the series with this key. */
  of?: (key: string) => Placing;
}

/** The origin of a job's time axis, and its course. */
export interface Placing {
  origin: number;
  course: Course | null;
}

/** Job metrics in order of appearance, then system metrics. */
export function inOrder(charts: Iterable<ChartData>): ChartData[] {
  return [...charts].sort(
    (a, b) =>
      Number(a.system) - Number(b.system) || (a.system ? chartOrder(a.chart) - chartOrder(b.chart) : 0),
  );
}

/** The context of one job: the origin of its time axis, and its course. */
export function contextOf(charts: readonly ChartData[], started: number | null): Context {
  const all = charts.flatMap((chart) => [...chart.series.values()]);
  const custom = charts.filter((chart) => !chart.system).flatMap((chart) => [...chart.series.values()]);
  const firsts = all.map((series) => series.time[0] ?? Infinity);
  const first = Math.min(started ?? Infinity, ...firsts);
  return { origin: Number.isFinite(first) ? first : 0, course: courseOf(custom) };
}

/** The shortest label that distinguishes the series of a chart. */
export function labelOf(series: SeriesData, all: readonly SeriesData[]): string {
  const parts = [series.name];
  if (all.some((other) => other.attempt !== series.attempt)) parts.push(`attempt ${String(series.attempt)}`);
  if (all.some((other) => other.node !== series.node)) parts.push(`node ${String(series.node)}`);
  return parts.filter(Boolean).join(', ');
}

export function drawn(
  chart: ChartData,
  settings: Pick<Settings, 'axis' | 'smoothing'>,
  context: Context,
): Drawn[] {
  const all = [...chart.series.values()];
  return all.map((series) => {
    const { origin, course } = context.of?.(series.key) ?? context;
    const columns = placed(series, chart.system, settings.axis, origin, course);
    return {
      ...columns,
      key: series.key,
      label: labelOf(series, all),
      smoothed: smooth(columns.y, settings.smoothing),
    };
  });
}

/** Data for uPlot: a common x column, then one column per series (with smoothing, raw and smoothed). */
export function aligned(series: readonly Drawn[], smoothing: boolean, log: boolean): uPlot.AlignedData {
  // A logarithmic axis cannot show values of zero or below.
  const fit = (values: number[]): (number | null)[] => (log ? values.map((y) => (y > 0 ? y : null)) : values);
  const tables = series.map((one): uPlot.AlignedData =>
    smoothing ? [one.x, fit(one.y), fit(one.smoothed)] : [one.x, fit(one.y)],
  );
  return tables.length === 0 ? [[]] : uPlot.join(tables);
}

/** The point of each series closest to `x`. */
export function pointsAt(series: readonly Drawn[], x: number): { series: Drawn; index: number }[] {
  return series.map((one) => ({ series: one, index: nearest(one.x, x) }));
}

/** A pinned point, identified independently of the axis and of downsampling. */
export interface Choice {
  key: string;
  time: number;
  line: number;
}

export function choiceOf(one: Drawn, index: number): Choice {
  return { key: one.key, time: one.time[index] ?? 0, line: one.line[index] ?? 0 };
}

/** The pinned point, or the closest remaining one in time if it was dropped by downsampling. */
export function chosenPoint(
  series: readonly Drawn[],
  choice: Choice,
): { series: Drawn; index: number } | null {
  const one = series.find((candidate) => candidate.key === choice.key);
  if (one === undefined || one.time.length === 0) return null;
  let index = 0;
  for (let i = 0; i < one.time.length; i += 1) {
    if (choice.line > 0 && one.line[i] === choice.line) return { series: one, index: i };
    if (Math.abs((one.time[i] ?? 0) - choice.time) < Math.abs((one.time[index] ?? 0) - choice.time))
      index = i;
  }
  return { series: one, index };
}

/** Replaces the points of one range with those of `finer`. */
export function refined(chart: ChartData, finer: Chart, part: Part): ChartData {
  const held = new Map(chart.series);
  for (const more of finer.series) {
    const key = seriesKey({ chart: chart.chart, series: more.name, attempt: more.attempt, node: more.node });
    const old = held.get(key);
    if (old === undefined || more.y.length === 0) continue;
    const at = part.by === 'x' ? old.x : old.time;
    const outside = at.flatMap((x, i) => (x < part.start || x > part.end ? [i] : []));
    const join = (a: number[], b: number[]): number[] => [...outside.map((i) => a[i] ?? 0), ...b];
    // Sorted by time, so that later points at the same x win.
    const time = join(old.time, more.time);
    const order = time.map((_, i) => i).sort((a, b) => (time[a] ?? 0) - (time[b] ?? 0) || a - b);
    const pick = (values: number[]): number[] => order.map((i) => values[i] ?? 0);
    held.set(key, {
      ...old,
      time: pick(time),
      x: pick(join(old.x, more.x)),
      y: pick(join(old.y, more.y)),
      line: pick(join(old.line, more.line)),
    });
  }
  return { ...chart, series: held };
}

/** The range to load when the user zooms in; null if all its points are loaded. */
export function partOf(
  chart: ChartData,
  settings: Pick<Settings, 'axis' | 'range'>,
  context: Context,
): Part | null {
  const { axis, range } = settings;
  if (range === null || (chart.system && axis === 'step')) return null;
  if (![...chart.series.values()].some((series) => series.total > series.y.length)) return null;
  const [start, end] = range;
  return axis === 'step'
    ? { by: 'x', start, end }
    : { by: 'time', start: start + context.origin, end: end + context.origin };
}

export interface Part {
  by: 'x' | 'time';
  start: number;
  end: number;
}

/** The point that a log line printed, or the closest remaining one. */
export function pointOfLine(series: readonly Drawn[], line: number): { series: Drawn; index: number } | null {
  let best: { series: Drawn; index: number } | null = null;
  let least = Infinity;
  for (const one of series) {
    one.line.forEach((n, index) => {
      const distance = Math.abs(n - line);
      if (n > 0 && distance < least) {
        least = distance;
        best = { series: one, index };
      }
    });
  }
  return best;
}
