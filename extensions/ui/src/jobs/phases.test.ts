import { describe, expect, it } from 'vitest';

import type { JobEvent } from '../api/types.js';
import { phases } from './phases.js';

describe('phases', () => {
  const event = (type: string, second: number): JobEvent => ({
    id: second,
    type,
    message: '',
    attempt: 1,
    time: new Date(second * 1000).toISOString(),
  });

  it('add up over attempts, and the current one continues', () => {
    const found = phases(
      [
        event('queued', 0),
        event('machine_found', 5),
        event('started', 6),
        event('requeued', 16),
        event('machine_found', 20),
      ],
      21_000,
    );
    expect(found.map(({ name, ms }) => [name, ms])).toEqual([
      ['waiting', 9000],
      ['preparing', 2000],
      ['running', 10_000],
    ]);
  });

  it('end with the job', () => {
    expect(phases([event('queued', 0), event('cancelled', 3)], 99_000).map((phase) => phase.ms)).toEqual([
      3000,
    ]);
  });
});
