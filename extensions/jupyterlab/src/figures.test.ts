import { describe, expect, it } from 'vitest';

import { gpuTexts, memoryText, mustWarn, shortTime, timeLeft } from './figures.js';
import type { ServerStatus } from './server.js';

const NOW = Date.parse('2026-01-01T12:00:00Z');

function idleFor(minutes: number, timeout: number): Pick<ServerStatus, 'notebook'> {
  const used = NOW - minutes * 60_000;
  return {
    notebook: {
      last_activity: new Date(used).toISOString(),
      stops_at: new Date(used + timeout * 60_000).toISOString(),
    } as ServerStatus['notebook'],
  };
}

describe('the status bar', () => {
  it('shows usage, and omits what is not measured', () => {
    const gpu = { index: 0, utilisation: 34.2, memory_used: 12 * 2 ** 30, memory_total: 80 * 2 ** 30 };
    expect(gpuTexts({ usage: { gpus: [gpu] } })).toEqual(['GPU 34 %, 12 of 80 GiB']);
    expect(
      gpuTexts({ usage: { gpus: [gpu, { ...gpu, index: 1, memory_used: null, utilisation: null }] } })[1],
    ).toBe('GPU 1');
    expect(gpuTexts({ usage: {} })).toEqual([]);
    expect(memoryText({ usage: { memory: 1.25 * 2 ** 30, memory_limit: 4 * 2 ** 30 } })).toBe(
      '1.3 of 4.0 GiB',
    );
    expect(memoryText({ usage: {} })).toBe('');
  });

  it('shows the remaining time', () => {
    expect(timeLeft(idleFor(10, 60), NOW)).toBe(50 * 60_000);
    expect(timeLeft(idleFor(90, 60), NOW)).toBe(0);
    expect(timeLeft({ notebook: null }, NOW)).toBeNull();
    expect([59_000, 61_000, 3_600_000, 86_400_000, 3 * 86_400_000].map(shortTime)).toEqual([
      '59 s',
      '1 min',
      '1 h',
      '24 h',
      '3 d',
    ]);
  });
});

describe('the warning', () => {
  it('appears 15 minutes before the end', () => {
    expect(mustWarn(idleFor(12 * 60 - 16, 12 * 60), NOW)).toBe(false);
    expect(mustWarn(idleFor(12 * 60 - 14, 12 * 60), NOW)).toBe(true);
  });

  it('appears in the second half of a short timeout, and never without one', () => {
    expect(mustWarn(idleFor(4, 10), NOW)).toBe(false);
    expect(mustWarn(idleFor(6, 10), NOW)).toBe(true);
    expect(mustWarn({ notebook: null }, NOW)).toBe(false);
  });
});
