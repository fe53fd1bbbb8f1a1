/** The charts of one job in memory: every series, downsampled to screen resolution and updated as the job runs. */

import type { Stream } from '../api/stream.js';
import type { ApiError } from '../api/transport.js';
import type { Points } from '../api/types.js';
import type { Columns } from './axis.js';
import { thin } from './smoothing.js';

const MOST_POINTS = 8_000;
const THINNED_TO = 4_000;
const PACE_MS = 250;

export interface SeriesData extends Columns {
  key: string;
  name: string;
  attempt: number;
  node: number;
  total: number;
}

export interface ChartData {
  chart: string;
  axis: string | null;
  system: boolean;
  series: Map<string, SeriesData>;
  /** Incremented on every change to this chart. */
  version: number;
}

export class ChartStore {
  readonly charts = new Map<string, ChartData>();
  /** Whether the existing data has arrived; before that, an empty store does not mean that there are no charts. */
  ready = false;
  ended = false;
  error: string | null = null;
  version = 0;
  private stale = new Set<string>();
  private readonly listeners = new Set<() => void>();
  private unsubscribe: (() => void) | undefined;
  private announce: ReturnType<typeof setTimeout> | undefined;
  private settle: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly stream: Stream,
    readonly job: string,
  ) {}

  readonly onChange = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getVersion = (): number => this.version;

  start(): void {
    this.unsubscribe = this.stream.subscribe<'metrics'>({
      kind: 'metrics',
      job: this.job,
      onStart: () => {
        // After a reconnect every series is sent again from its first point. Show the old points until then.
        this.stale = new Set([...this.charts.values()].flatMap((chart) => [...chart.series.keys()]));
      },
      onEvent: (event, data) => {
        if (event === 'points') this.add(data as Points);
        else this.ended = true;
        if (event === 'end') this.ready = true;
        else this.readySoon();
        this.changed();
      },
      onError: (error: ApiError) => {
        this.error = error.message;
        this.changed();
      },
    });
    this.readySoon();
  }

  stop(): void {
    this.unsubscribe?.();
    clearTimeout(this.announce);
    clearTimeout(this.settle);
    this.listeners.clear();
  }

  private readySoon(): void {
    if (this.ready || this.settle !== undefined) return;
    this.settle = setTimeout(() => {
      this.ready = true;
      this.changed();
    }, 1_500);
  }

  private add(points: Points): void {
    let chart = this.charts.get(points.chart);
    if (chart === undefined) {
      chart = { chart: points.chart, axis: null, system: points.system, series: new Map(), version: 0 };
      this.charts.set(points.chart, chart);
    }
    chart.axis = points.axis ?? chart.axis;
    chart.version += 1;
    const key = seriesKey(points);
    const known = this.stale.delete(key) ? undefined : chart.series.get(key);
    const { x, y, time, line } = points;
    const grown: SeriesData = {
      key,
      name: points.series,
      attempt: points.attempt,
      node: points.node,
      total: points.total,
      x: known ? known.x.concat(x) : x,
      y: known ? known.y.concat(y) : y,
      time: known ? known.time.concat(time) : time,
      line: known ? known.line.concat(line) : line,
    };
    chart.series.set(key, grown.y.length > MOST_POINTS ? thinned(grown) : grown);
  }

  private changed(): void {
    this.version += 1;
    this.announce ??= setTimeout(() => {
      this.announce = undefined;
      for (const listener of this.listeners) listener();
    }, PACE_MS);
  }
}

export function seriesKey({
  chart,
  series,
  attempt,
  node,
}: Pick<Points, 'chart' | 'series' | 'attempt' | 'node'>): string {
  return JSON.stringify([chart, series, attempt, node]);
}

function thinned(series: SeriesData): SeriesData {
  const kept = thin(series.y, THINNED_TO);
  const pick = (values: number[]): number[] => kept.map((i) => values[i] ?? 0);
  return {
    ...series,
    x: pick(series.x),
    y: pick(series.y),
    time: pick(series.time),
    line: pick(series.line),
  };
}
