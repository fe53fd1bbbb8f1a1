/** Merges the charts of several jobs, each aligned to its own start. Pure. */

import type { ChartData, SeriesData } from './chartStore.js';
import { type Context, contextOf, inOrder, type Placing } from './model.js';

export interface Compared {
  id: string;
  name: string;
  /** When the job started, in Unix seconds; null if it has not. */
  started: number | null;
  charts: readonly ChartData[];
}

/** The job that a merged series belongs to, from its key. */
export function jobOfKey(key: string): string {
  return key.slice(0, key.indexOf('/'));
}

export function merged(jobs: readonly Compared[]): ChartData[] {
  const names = labels(jobs);
  const charts = new Map<string, ChartData>();
  for (const job of jobs) {
    for (const chart of job.charts) {
      const whole = charts.get(chart.chart) ?? {
        ...chart,
        series: new Map<string, SeriesData>(),
        version: 0,
      };
      whole.axis ??= chart.axis;
      whole.version += chart.version;
      for (const series of chart.series.values()) {
        const key = `${job.id}/${series.key}`;
        const name = [names.get(job.id), series.name].filter(Boolean).join(', ');
        whole.series.set(key, { ...series, key, name });
      }
      charts.set(chart.chart, whole);
    }
  }
  return inOrder(charts.values());
}

/** Adds the ID to the names of jobs that share one. */
function labels(jobs: readonly Compared[]): Map<string, string> {
  return new Map(
    jobs.map((job) => {
      const alone = jobs.filter((other) => other.name === job.name).length === 1;
      return [job.id, alone ? job.name : `${job.name} (${job.id})`];
    }),
  );
}

/** A context that aligns each job to its own start and course. */
export function contextOfAll(jobs: readonly Compared[]): Context {
  const placings = new Map<string, Placing>(jobs.map((job) => [job.id, contextOf(job.charts, job.started)]));
  const course = [...placings.values()].find((placing) => placing.course !== null)?.course ?? null;
  const nothing: Placing = { origin: 0, course: null };
  return { origin: 0, course, of: (key) => placings.get(jobOfKey(key)) ?? nothing };
}
