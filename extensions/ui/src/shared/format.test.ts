import { describe, expect, it } from 'vitest';

import { bytes, clock, duration, money, span, value } from './format.js';

describe('format', () => {
  it('formats sizes', () => {
    expect([0, 1023, 1024, 2 ** 31, 1.5 * 2 ** 40].map(bytes)).toEqual([
      '0 B',
      '1023 B',
      '1 KiB',
      '2 GiB',
      '1.5 TiB',
    ]);
  });

  it('formats durations', () => {
    expect([-5, 45_000, 185_000, 7_620_000, 273_600_000].map(duration)).toEqual([
      '0 s',
      '45 s',
      '3 min 05 s',
      '2 h 07 min',
      '3 d 4 h',
    ]);
    expect([420, 61_000].map(span)).toEqual(['0.4 s', '1 min 01 s']);
  });

  it('formats elapsed times for an axis', () => {
    expect([5, 65, 7650, -65].map(clock)).toEqual(['0:05', '1:05', '2:07:30', '−1:05']);
  });

  it('formats values with significant digits', () => {
    expect([0, 0.031274, 12345, 1.25e-7, 3e12, 0.9].map(value)).toEqual([
      '0',
      '0.03127',
      '12,345',
      '1.25e-7',
      '3.00e12',
      '0.9',
    ]);
  });

  it('never shows a small cost as zero', () => {
    expect([0, 0.001, 1.5].map(money)).toEqual(['0', '< 0.01', '1.50']);
  });
});
