import { describe, expect, it } from 'vitest';

import { panned } from './pan.js';

describe('moving along', () => {
  it('keeps the length of what is seen', () => {
    expect(panned([10, 20], [0, 100], 5)).toEqual([15, 25]);
    expect(panned([10, 20], [0, 100], -5)).toEqual([5, 15]);
  });

  it('ends where the points end', () => {
    expect(panned([10, 20], [0, 100], -50)).toEqual([0, 10]);
    expect(panned([10, 20], [0, 100], 500)).toEqual([90, 100]);
    expect(panned([-10, 200], [0, 100], 5)).toEqual([0, 100]);
  });
});
