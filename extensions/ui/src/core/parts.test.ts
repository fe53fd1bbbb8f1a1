import { describe, expect, it } from 'vitest';

import { escapePath, queryString } from '../api/client.js';
import { pause } from '../api/stream.js';
import type { Job, JobEvent } from '../api/types.js';
import { splitMatches } from './matches.js';
import { phases } from './phases.js';
import { commandLine, submissionOf } from './submission.js';
import { metricOfLine } from './units.js';

describe('addresses', () => {
  it('keep the slashes of a path and escape the rest', () => {
    expect(escapePath('a b/ü#1?.png')).toBe('a%20b/%C3%BC%231%3F.png');
  });

  it('leave out what is not asked for, and repeat lists', () => {
    expect(
      queryString({ q: 'a&b', status: ['failed', 'running'], owner: undefined, tag: '', limit: 5 }),
    ).toBe('?q=a%26b&status=failed&status=running&limit=5');
    expect(queryString({})).toBe('');
  });
});

describe('pause', () => {
  it('grows, is never in step, and has an end', () => {
    expect(pause(1, () => 0)).toBe(250);
    expect(pause(1, () => 1)).toBe(500);
    expect(pause(4, () => 1)).toBe(4000);
    expect(pause(50, () => 1)).toBe(30_000);
  });
});

describe('splitMatches', () => {
  it('marks every match, whatever its case', () => {
    expect(splitMatches('Loss: loss', 'LOSS')).toEqual(['', 'Loss', ': ', 'loss', '']);
    expect(splitMatches('nothing', 'x')).toEqual(['nothing']);
    expect(splitMatches('anything', '')).toEqual(['anything']);
  });
});

describe('metricOfLine', () => {
  it('knows points and declarations from ordinary lines', () => {
    expect(metricOfLine('{"y": 1, "chart": "loss"}')).toEqual({ chart: 'loss', point: true });
    expect(metricOfLine('{"chart": "loss", "axis": "step"}')).toEqual({ chart: 'loss', point: false });
    expect(metricOfLine('{"chart": "loss", "y": "1"}')).toBeNull();
    expect(metricOfLine('{"chart": "system/cpu", "y": 1}')).toBeNull();
    expect(metricOfLine('{"chart": "loss", "y": 1, "more": 2}')).toBeNull();
    expect(metricOfLine('{broken')).toBeNull();
    expect(metricOfLine('epoch 1')).toBeNull();
  });
});

describe('phases', () => {
  const event = (type: string, second: number): JobEvent => ({
    id: second,
    type,
    message: '',
    attempt: 1,
    time: new Date(second * 1000).toISOString(),
  });

  it('add up over attempts, and the present one goes on', () => {
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

describe('submissionOf', () => {
  const job = {
    name: 'n',
    command: null,
    args: ['python', 'a b.py', "it's"],
    notebook: null,
    workspace: { type: 'git', url: 'https://example.org/r.git', ref: 'main', commit: 'abc' },
    ports: [{ port: 8080, url: '', path: '' }],
    machine: 'small',
  } as unknown as Job;

  it('runs the commit that ran, with what is changed', () => {
    const made = submissionOf(job, { machine: 'large' });
    expect(made.workspace).toEqual({ type: 'git', url: 'https://example.org/r.git', ref: 'abc' });
    expect(made.ports).toEqual([8080]);
    expect(made.machine).toBe('large');
  });

  it('writes arguments as one would type them', () => {
    expect(commandLine(job)).toBe(`python 'a b.py' 'it'\\''s'`);
  });
});
