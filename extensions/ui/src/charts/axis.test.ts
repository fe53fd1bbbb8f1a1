import { describe, expect, it } from 'vitest';

import { type Columns, courseOf, nearest, placed, stepAt } from './axis.js';

function series(x: number[], time: number[], y: number[] = x): Columns {
  return { x, y, time, line: x.map((_, i) => i + 1) };
}

describe('the course of a job', () => {
  it('comes from the longest series', () => {
    expect(courseOf([series([1, 2], [10, 20]), series([1, 2, 3], [10, 20, 30])])?.step).toEqual([1, 2, 3]);
    expect(courseOf([series([1], [10])])).toBeNull();
    expect(courseOf([])).toBeNull();
  });

  it('skips steps that a resumed run repeats', () => {
    const course = courseOf([series([1, 2, 3, 2, 3, 4], [10, 20, 30, 40, 50, 60])]);
    expect(course).toEqual({ time: [10, 20, 30, 60], step: [1, 2, 3, 4] });
  });

  it('interpolates the step at a time', () => {
    const course = { time: [10, 20, 40], step: [0, 100, 200] };
    expect(stepAt(course, 15)).toBe(50);
    expect(stepAt(course, 30)).toBe(150);
    expect(stepAt(course, 5)).toBe(0);
    expect(stepAt(course, 99)).toBe(200);
  });
});

describe('placed', () => {
  it('places job metrics by step or by time since the start', () => {
    const points = series([5, 6], [100, 103], [0.1, 0.2]);
    expect(placed(points, false, 'step', 90, null).x).toEqual([5, 6]);
    expect(placed(points, false, 'time', 90, null).x).toEqual([10, 13]);
  });

  it('maps system metrics to steps', () => {
    const cpu = series([0, 5], [10, 15], [50, 60]);
    expect(placed(cpu, true, 'step', 10, { time: [10, 20], step: [0, 100] }).x).toEqual([0, 50]);
    expect(placed(cpu, true, 'step', 10, null).x).toEqual([0, 5]);
  });

  it('sorts, and keeps the later of two points at the same x', () => {
    const resumed = series([1, 2, 3, 2, 3, 4], [1, 2, 3, 4, 5, 6], [1, 2, 3, 20, 30, 40]);
    expect(placed(resumed, false, 'step', 0, null)).toEqual({
      x: [1, 2, 3, 4],
      y: [1, 20, 30, 40],
      time: [1, 4, 5, 6],
      line: [1, 4, 5, 6],
    });
  });
});

describe('nearest', () => {
  it('finds the closest value', () => {
    expect(nearest([1, 5, 9], 4)).toBe(1);
    expect(nearest([1, 5, 9], 3)).toBe(0);
    expect(nearest([1, 5, 9], -7)).toBe(0);
    expect(nearest([1, 5, 9], Infinity)).toBe(2);
    expect(nearest([], 1)).toBe(-1);
  });
});
