import { describe, expect, it } from 'vitest';

import type { Chart } from '../api/types.js';
import { type ChartData, seriesKey, type SeriesData } from './chartStore.js';
import {
  aligned,
  choiceOf,
  chosenPoint,
  contextOf,
  drawn,
  inOrder,
  labelOf,
  partOf,
  pointOfLine,
  refined,
} from './model.js';

function series(name: string, x: number[], more: Partial<SeriesData> = {}): SeriesData {
  const key = seriesKey({ chart: 'loss', series: name, attempt: more.attempt ?? 1, node: more.node ?? 0 });
  const time = x.map((step) => 1000 + step);
  return {
    key,
    name,
    attempt: 1,
    node: 0,
    total: x.length,
    x,
    y: x.map((v) => v * 2),
    time,
    line: x,
    ...more,
  };
}

function chart(name: string, system: boolean, ...all: SeriesData[]): ChartData {
  return { chart: name, axis: null, system, series: new Map(all.map((one) => [one.key, one])), version: 0 };
}

const step = { axis: 'step', smoothing: 0 } as const;

describe('a page of charts', () => {
  it('lists job metrics first, then system metrics', () => {
    const names = inOrder([
      chart('system/memory', true),
      chart('b', false),
      chart('system/cpu', true),
      chart('a', false),
    ]);
    expect(names.map((one) => one.chart)).toEqual(['b', 'a', 'system/cpu', 'system/memory']);
  });

  it('counts time from the start, or from the first point where that is unknown', () => {
    const charts = [chart('loss', false, series('', [5, 6]))];
    expect(contextOf(charts, 990).origin).toBe(990);
    expect(contextOf(charts, null).origin).toBe(1005);
    expect(contextOf([], null)).toEqual({ origin: 0, course: null });
  });

  it('names series by what tells them apart', () => {
    const one = series('train', [1]);
    const retried = series('train', [1], { attempt: 2 });
    expect(labelOf(one, [one])).toBe('train');
    expect(labelOf(retried, [one, retried])).toBe('train, attempt 2');
  });
});

describe('what is drawn', () => {
  const loss = chart('loss', false, series('a', [1, 2, 4]), series('b', [2, 3]));
  const context = contextOf([loss], 1000);

  it('has one x for all series, with gaps where a series has no point', () => {
    expect(aligned(drawn(loss, step, context), false, false)).toEqual([
      [1, 2, 3, 4],
      [2, 4, undefined, 8],
      [undefined, 4, 6, undefined],
    ]);
  });

  it('leaves out what has no logarithm', () => {
    const negative = chart('x', false, series('', [1, 2], { y: [-1, 5] }));
    expect(aligned(drawn(negative, step, context), false, true)).toEqual([
      [1, 2],
      [null, 5],
    ]);
  });

  it('finds the point that a line printed, and a chosen point again on another axis', () => {
    const onStep = drawn(loss, step, context);
    const found = pointOfLine(onStep, 4);
    expect(found?.series.label).toBe('a');
    expect(found?.index).toBe(2);
    const first = onStep[0];
    if (first === undefined) throw new Error('no series');
    const again = chosenPoint(drawn(loss, { axis: 'time', smoothing: 0 }, context), choiceOf(first, 1));
    expect(again?.series.x[again.index]).toBe(2);
    expect(chosenPoint([], choiceOf(first, 1))).toBeNull();
  });
});

describe('zooming', () => {
  const coarse = chart('loss', false, series('a', [0, 50, 100], { total: 101 }));
  const context = contextOf([coarse], 1000);

  it('asks for a part only where points are missing', () => {
    expect(partOf(coarse, { axis: 'step', range: [10, 20] }, context)).toEqual({
      by: 'x',
      start: 10,
      end: 20,
    });
    expect(partOf(coarse, { axis: 'time', range: [10, 20] }, context)).toEqual({
      by: 'time',
      start: 1010,
      end: 1020,
    });
    expect(partOf(coarse, { axis: 'step', range: null }, context)).toBeNull();
    expect(
      partOf(chart('loss', false, series('a', [1, 2])), { axis: 'step', range: [1, 2] }, context),
    ).toBeNull();
  });

  it('puts the finer points in place of the coarse ones, and keeps the others', () => {
    const x = [48, 49, 50, 51];
    const finer: Chart = {
      chart: 'loss',
      axis: null,
      system: false,
      series: [
        { name: 'a', attempt: 1, node: 0, total: 101, x, y: x, time: x.map((v) => 1000 + v), line: x },
      ],
    };
    const [only] = refined(coarse, finer, { by: 'x', start: 48, end: 51 }).series.values();
    expect(only?.x).toEqual([0, 48, 49, 50, 51, 100]);
    expect(only?.y).toEqual([0, 48, 49, 50, 51, 200]);
  });
});
