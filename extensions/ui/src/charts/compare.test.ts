import { describe, expect, it } from 'vitest';

import type { ChartData } from './chartStore.js';
import { type Compared, contextOfAll, jobOfKey, merged } from './compare.js';
import { drawn } from './model.js';

function chart(name: string, time: number[], y: number[], system = false): ChartData {
  const key = JSON.stringify([name, '', 1, 0]);
  const x = time.map((_, i) => i);
  const line = time.map((_, i) => (system ? 0 : i + 1));
  const series = { key, name: '', attempt: 1, node: 0, total: y.length, x, y, time, line };
  return { chart: name, axis: null, system, series: new Map([[key, series]]), version: 1 };
}

const JOBS: Compared[] = [
  {
    id: 'ja',
    name: 'fast',
    started: 100,
    charts: [chart('loss', [101, 102], [3, 2]), chart('cpu', [102], [9], true)],
  },
  { id: 'jb', name: 'slow', started: 500, charts: [chart('loss', [505, 510], [4, 1])] },
];

describe('several jobs', () => {
  it('share a chart, with a series each that bears the job’s name', () => {
    const [loss, cpu] = merged(JOBS);
    expect([...(loss?.series.values() ?? [])].map((series) => series.name)).toEqual(['fast', 'slow']);
    expect([...(loss?.series.keys() ?? [])].map(jobOfKey)).toEqual(['ja', 'jb']);
    expect(cpu?.series.size).toBe(1);
  });

  it('begin at zero each, whenever they ran', () => {
    const [loss] = merged(JOBS);
    if (loss === undefined) throw new Error('no chart');
    const lines = drawn(loss, { axis: 'time', smoothing: 0 }, contextOfAll(JOBS));
    expect(lines.map((line) => line.x)).toEqual([
      [1, 2],
      [5, 10],
    ]);
  });

  it('put what the platform measured among the steps of its own job', () => {
    const cpu = merged(JOBS)[1];
    if (cpu === undefined) throw new Error('no chart');
    expect(drawn(cpu, { axis: 'step', smoothing: 0 }, contextOfAll(JOBS))[0]?.x).toEqual([1]);
  });

  it('of one name are told apart by their ids', () => {
    const twins = JOBS.map((job) => ({ ...job, name: 'same' }));
    expect([...(merged(twins)[0]?.series.values() ?? [])].map((series) => series.name)).toEqual([
      'same (ja)',
      'same (jb)',
    ]);
  });
});
