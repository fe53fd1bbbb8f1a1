import { describe, expect, it } from 'vitest';

import {
  centred,
  CHUNK,
  chunksOf,
  clampTop,
  farthest,
  type Geometry,
  isAtEnd,
  largestTop,
  offsetOf,
  revealing,
  scale,
  scrollHeight,
  scrollOf,
  TALLEST,
  topOf,
  visible,
} from './logWindow.js';

const short: Geometry = { lines: 10, lineHeight: 20, viewport: 400 };
const long: Geometry = { lines: 1000, lineHeight: 20, viewport: 400 };
const huge: Geometry = { lines: 5_000_000, lineHeight: 20, viewport: 400 };

describe('the window on a log', () => {
  it('does not scroll content that fits', () => {
    expect(largestTop(short)).toBe(0);
    expect(visible(short, 0)).toEqual([1, 10]);
    expect(isAtEnd(short, 0)).toBe(true);
  });

  it('renders nothing for an empty log', () => {
    const [first, last] = visible({ ...short, lines: 0 }, 0);
    expect(last).toBeLessThan(first);
  });

  it('is not scaled within browser limits', () => {
    expect(scale(long)).toBe(1);
    expect(scrollOf(long, 1234)).toBe(1234);
    expect(scrollHeight(long)).toBe(20_000);
  });

  it('renders the visible lines and a margin', () => {
    expect(visible(long, 2000, 0)).toEqual([101, 120]);
    expect(visible(long, 2000, 10)).toEqual([91, 130]);
    expect(offsetOf(long, 2010, 101)).toBe(-10);
  });

  it('reaches the first and last of millions of lines when scaled', () => {
    expect(scrollHeight(huge)).toBe(TALLEST);
    expect(scrollOf(huge, 0)).toBe(0);
    expect(scrollOf(huge, largestTop(huge))).toBeCloseTo(TALLEST - huge.viewport);
    expect(topOf(huge, TALLEST - huge.viewport)).toBe(largestTop(huge));
    expect(visible(huge, largestTop(huge), 0)[1]).toBe(5_000_000);
    expect(topOf(huge, scrollOf(huge, 54_321_000))).toBeCloseTo(54_321_000, 4);
  });

  it('clamps the top', () => {
    expect(clampTop(long, -5)).toBe(0);
    expect(clampTop(long, Infinity)).toBe(19_600);
    expect(isAtEnd(long, 19_600)).toBe(true);
    expect(isAtEnd(long, 19_500)).toBe(false);
  });

  it('moves only as far as needed to reveal a line', () => {
    expect(revealing(long, 1000, 55)).toBe(1000);
    expect(revealing(long, 1000, 40)).toBe(780);
    expect(revealing(long, 1000, 80)).toBe(1200);
    expect(centred(long, 500)).toBe(9790);
    expect(centred(long, 1)).toBe(0);
  });
});

describe('chunks', () => {
  it('are counted from line 1', () => {
    expect(chunksOf(1, CHUNK)).toEqual([0]);
    expect(chunksOf(CHUNK, CHUNK + 1)).toEqual([0, 1]);
    expect(chunksOf(5, 4)).toEqual([]);
  });

  it('are evicted far from the view, but not at the end', () => {
    expect(farthest([0, 1, 50, 99], 50, 100, 4)).toEqual([]);
    expect(farthest([0, 1, 50, 99], 50, 100, 2)).toEqual([0, 1]);
  });
});
