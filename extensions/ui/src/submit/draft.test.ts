import { describe, expect, it } from 'vitest';

import { draftOfSubmission, EMPTY, problemsOf, seconds, submissionOfDraft, valueOf } from './draft.js';

const GOOD = { ...EMPTY, command: 'python train.py', machine: 'small' };

describe('the form', () => {
  it('accepts a minimal job', () => {
    expect(problemsOf(GOOD)).toEqual({});
    expect(submissionOfDraft(GOOD)).toMatchObject({
      command: 'python train.py',
      workspace: { type: 'none' },
    });
    expect(submissionOfDraft(GOOD)).not.toHaveProperty('timeout_s');
  });

  it('reports problems by field', () => {
    const wrong = {
      ...GOOD,
      command: ' ',
      image: 'not an image',
      workspace: 'git' as const,
      url: 'git@example.org:a/b',
      params: [{ name: 'lr', type: 'number' as const, text: 'much' }],
      env: [
        { name: 'A', text: '' },
        { name: 'A', text: '' },
      ],
      ports: '80',
      tags: 'a b/c',
      timeout: 'soon',
      retries: '1.5',
      inputs: 'data',
    };
    expect(Object.keys(problemsOf(wrong)).sort()).toEqual(
      [
        'command',
        'env',
        'image',
        'inputs',
        'params',
        'ports',
        'retries',
        'tags',
        'timeout_s',
        'workspace',
      ].sort(),
    );
  });

  it('requires a workspace for notebooks', () => {
    const notebook = { ...EMPTY, runs: 'notebook' as const, notebook: 'a.ipynb' };
    expect(problemsOf(notebook).workspace).toContain('needs a workspace');
    expect(problemsOf({ ...notebook, workspace: 'folder' })).toEqual({});
  });
});

describe('values', () => {
  it('have the selected type', () => {
    expect(valueOf({ name: 'a', type: 'text', text: '1' })).toBe('1');
    expect(valueOf({ name: 'a', type: 'number', text: ' 3e-4 ' })).toBe(3e-4);
    expect(valueOf({ name: 'a', type: 'number', text: '' })).toBeUndefined();
    expect(valueOf({ name: 'a', type: 'boolean', text: 'true' })).toBe(true);
    expect(valueOf({ name: 'a', type: 'JSON', text: '[1, null]' })).toEqual([1, null]);
    expect(valueOf({ name: 'a', type: 'JSON', text: '[1' })).toBeUndefined();
  });
});

describe('times', () => {
  it('are parsed in common notations', () => {
    expect(['90', '90 s', '30min', '2 h', '1 d', '1h 30min', '1.5h'].map(seconds)).toEqual([
      90, 90, 1800, 7200, 86_400, 5400, 5400,
    ]);
    expect(['', 'soon', '-1', '0', '2 weeks'].map(seconds)).toEqual([null, null, null, null, null]);
  });
});

describe('an earlier job', () => {
  it('round-trips through the form', () => {
    const made = {
      name: 'again',
      image: 'outrider/python',
      machine: 'small',
      command: 'python train.py',
      args: null,
      notebook: null,
      workspace: { type: 'snapshot' as const, id: `sha256:${'0'.repeat(64)}` },
      inputs: { data: 'jabcdefghijkl' },
      env: { A: '1' },
      secrets: ['TOKEN'],
      params: { lr: 0.1, name: 'x', fast: true, sizes: [1, 2] },
      ports: [8080],
      public: true,
      project: 'demo',
      experiment: null,
      group: null,
      tags: ['a'],
      timeout_s: 3600,
      retries: 2,
      priority: 0,
      nodes: 1,
      shm_mb: null,
      cluster: 'default',
    };
    const draft = draftOfSubmission(made);
    expect(problemsOf(draft)).toEqual({});
    const given = Object.fromEntries(
      Object.entries(made).filter(([name, value]) => value !== null && !['priority', 'nodes'].includes(name)),
    );
    expect(submissionOfDraft(draft)).toEqual(given);
  });
});
