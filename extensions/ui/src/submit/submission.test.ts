import { describe, expect, it } from 'vitest';

import type { Job } from '../api/types.js';
import { commandLine, submissionOf } from './submission.js';

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
