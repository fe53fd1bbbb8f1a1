/** From the series that a page holds to the numbers that a plot draws. Pure. */

import uPlot from 'uplot';

import { type Axis, type Columns, type Course, courseOf, nearest, placed } from '../core/axis.js';
import { chartOrder } from '../core/units.js';
import { smooth } from '../core/smoothing.js';
import type { ChartData, SeriesData } from '../state/chartStore.js';

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
    const columns = placed(series, chart.system, settings.axis, context.origin, context.course);
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
