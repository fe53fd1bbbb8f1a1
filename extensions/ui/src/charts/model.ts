/** From the series that a page holds to the numbers that a plot draws. Pure. */

import uPlot from 'uplot';

import type { Chart } from '../api/types.js';
import { type Axis, type Columns, type Course, courseOf, nearest, placed } from './axis.js';
import { chartOrder } from '../shared/units.js';
import { smooth } from './smoothing.js';
import { type ChartData, type SeriesData, seriesKey } from './chartStore.js';

export interface Settings {
  axis: Axis;
  /** Weight of the moving average, 0 to below 1. */
  smoothing: number;
  log: boolean;
  /** What is zoomed to; null: everything. */
  range: [number, number] | null;
}

/** A series as drawn: its points in order along the axis, and the smoothed values beside them. */
export interface Drawn extends Columns {
  key: string;
  label: string;
  smoothed: number[];
}

export interface Context {
  origin: number;
  course: Course | null;
  /** Where series are of several jobs: those of the job that the series with this key is of. */
  of?: (key: string) => Placing;
}

/** The zero of a job's time axis, and when it was at which step. */
export interface Placing {
  origin: number;
  course: Course | null;
}

/** Custom charts in the order in which they appeared, then the platform's. */
export function inOrder(charts: Iterable<ChartData>): ChartData[] {
  return [...charts].sort(
    (a, b) =>
      Number(a.system) - Number(b.system) || (a.system ? chartOrder(a.chart) - chartOrder(b.chart) : 0),
  );
}

/** What all charts of a page share: the zero of the time axis, and when the job was at which step. */
export function contextOf(charts: readonly ChartData[], started: number | null): Context {
  const all = charts.flatMap((chart) => [...chart.series.values()]);
  const custom = charts.filter((chart) => !chart.system).flatMap((chart) => [...chart.series.values()]);
  const firsts = all.map((series) => series.time[0] ?? Infinity);
  const first = Math.min(started ?? Infinity, ...firsts);
  return { origin: Number.isFinite(first) ? first : 0, course: courseOf(custom) };
}

/** A name that tells the series of a chart apart, and no longer than that takes. */
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

/** The columns that uPlot wants: one x for all, and for each series its values (with smoothing: raw and smoothed). */
export function aligned(series: readonly Drawn[], smoothing: boolean, log: boolean): uPlot.AlignedData {
  // A logarithm of what is not above zero does not exist; such points are left out.
  const fit = (values: number[]): (number | null)[] => (log ? values.map((y) => (y > 0 ? y : null)) : values);
  const tables = series.map((one): uPlot.AlignedData =>
    smoothing ? [one.x, fit(one.y), fit(one.smoothed)] : [one.x, fit(one.y)],
  );
  return tables.length === 0 ? [[]] : uPlot.join(tables);
}

/** The point of each series nearest to a place on the axis. */
export function pointsAt(series: readonly Drawn[], x: number): { series: Drawn; index: number }[] {
  return series.map((one) => ({ series: one, index: nearest(one.x, x) }));
}

/** Which point somebody chose, by what does not change when a series grows, is thinned or is put on another axis. */
export interface Choice {
  key: string;
  time: number;
  line: number;
}

export function choiceOf(one: Drawn, index: number): Choice {
  return { key: one.key, time: one.time[index] ?? 0, line: one.line[index] ?? 0 };
}

/** The chosen point, or the one nearest in time that is left of it. */
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

/** A chart with more points in one part of it: `finer` there, and what is held already elsewhere. */
export function refined(chart: ChartData, finer: Chart, part: Part): ChartData {
  const held = new Map(chart.series);
  for (const more of finer.series) {
    const key = seriesKey({ chart: chart.chart, series: more.name, attempt: more.attempt, node: more.node });
    const old = held.get(key);
    if (old === undefined || more.y.length === 0) continue;
    const at = part.by === 'x' ? old.x : old.time;
    const outside = at.flatMap((x, i) => (x < part.start || x > part.end ? [i] : []));
    const join = (a: number[], b: number[]): number[] => [...outside.map((i) => a[i] ?? 0), ...b];
    // In the order of their times, by which later points at one place are told from earlier ones.
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

/** The part of a chart to ask for when it is zoomed in to, or null when all of its points are held already. */
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

/** The point that a log line printed, or the nearest one kept, among the series of a chart. */
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
