import { describe, expect, it } from 'vitest';

import { smooth, thin } from './smoothing.js';

describe('smooth', () => {
  it('leaves values alone at weight 0', () => {
    expect(smooth([1, 5, 2], 0)).toEqual([1, 5, 2]);
  });

  it('keeps a constant series constant from its first point on', () => {
    for (const value of smooth([3, 3, 3, 3], 0.9)) expect(value).toBeCloseTo(3);
  });

  it('is a weighted mean of what came before', () => {
    const [, second] = smooth([0, 1], 0.5);
    expect(second).toBeCloseTo(0.25 / 0.75 + 1 / 3);
  });

  it('does not let one value that is no number spoil the rest', () => {
    const result = smooth([1, NaN, 1], 0.5);
    expect(result[1]).toBeNaN();
    expect(result[2]).toBeCloseTo(1);
  });
});

describe('thin', () => {
  it('keeps all of a short series', () => {
    expect(thin([1, 2, 3], 10)).toEqual([0, 1, 2]);
  });

  it('keeps the ends and every spike, in order', () => {
    const values = Array.from({ length: 10_000 }, (_, i) => Math.sin(i / 50));
    values[7777] = 100;
    values[3333] = -100;
    const kept = thin(values, 500);
    expect(kept.length).toBeLessThanOrEqual(500);
    expect(kept).toContain(7777);
    expect(kept).toContain(3333);
    expect(kept[0]).toBe(0);
    expect(kept[kept.length - 1]).toBe(9999);
    expect([...kept].sort((a, b) => a - b)).toEqual(kept);
    expect(new Set(kept).size).toBe(kept.length);
  });
});
