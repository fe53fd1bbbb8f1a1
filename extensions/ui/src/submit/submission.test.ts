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

  it('repeats the commit that ran, with changes applied', () => {
    const made = submissionOf(job, { machine: 'large' });
    expect(made.workspace).toEqual({ type: 'git', url: 'https://example.org/r.git', ref: 'abc' });
    expect(made.ports).toEqual([8080]);
    expect(made.machine).toBe('large');
  });

  it('quotes arguments for a shell', () => {
    expect(commandLine(job)).toBe(`python 'a b.py' 'it'\\''s'`);
  });
});
