import { describe, expect, it } from 'vitest';

import { clockTime, everyDay, MOST_DAYS } from './days.js';

describe('days', () => {
  it('include days without usage', () => {
    expect(everyDay('2024-02-28', '2024-03-01', new Map([['2024-02-29', 2]]))).toEqual([
      { day: '2024-02-28', value: 0 },
      { day: '2024-02-29', value: 2 },
      { day: '2024-03-01', value: 0 },
    ]);
  });

  it('are limited', () => {
    const found = everyDay('1970-01-01', '2024-03-01', new Map());
    expect(found).toHaveLength(MOST_DAYS);
    expect(found.at(-1)?.day).toBe('2024-03-01');
  });

  it('are precise to the second', () => {
    expect(clockTime(0)).toBe('0:00:00');
    expect(clockTime(3723 / 3600)).toBe('1:02:03');
    expect(clockTime(59.6 / 3600)).toBe('0:01:00');
    expect(clockTime(25)).toBe('25:00:00');
  });
});
