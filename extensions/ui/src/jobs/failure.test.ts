import { describe, expect, it } from 'vitest';

import type { Machine } from '../api/types.js';
import { headline, largerMachine, type NumberedLine, relevantLines, suggestion } from './failure.js';

function lines(...texts: string[]): NumberedLine[] {
  return texts.map((text, i) => ({ n: i + 1, text }));
}

const TRACEBACK = [
  'Traceback (most recent call last):',
  '  File "train.py", line 3, in <module>',
  '    import torch',
  "ModuleNotFoundError: No module named 'torch'",
];

describe('relevantLines', () => {
  it('takes the last traceback and nothing printed after it', () => {
    const found = relevantLines(lines('epoch 1', ...TRACEBACK, 'cleaning up', 'bye', ''));
    expect(found.map((line) => line.text)).toEqual(TRACEBACK);
    expect(found[0]?.n).toBe(2);
  });

  it('keeps the exception of a long traceback', () => {
    const frames = Array.from({ length: 80 }, (_, i) => `  File "a.py", line ${String(i)}, in f`);
    const found = relevantLines(lines('Traceback (most recent call last):', ...frames, 'ValueError: no'), 12);
    expect(found).toHaveLength(12);
    expect(found[0]?.text).toMatch(/^Traceback/);
    expect(found[11]?.text).toBe('ValueError: no');
  });

  it('ignores ANSI colours', () => {
    const [line] = relevantLines(lines('\x1b[31mbash: foo: command not found\x1b[0m'));
    expect(line?.text).toBe('bash: foo: command not found');
  });

  it('falls back to the last lines, and to none for an empty log', () => {
    expect(relevantLines(lines('a', 'b', 'c')).map((line) => line.n)).toEqual([1, 2, 3]);
    expect(relevantLines([])).toEqual([]);
  });
});

describe('suggestion', () => {
  it('names the missing package', () => {
    expect(suggestion(lines(...TRACEBACK))).toContain('“torch”');
  });

  it('tells GPU memory from machine memory', () => {
    const gpu = lines('torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB');
    expect(suggestion(gpu)).toContain('GPU');
    expect(suggestion(lines('MemoryError'))).toContain('machine type');
  });

  it('is empty for errors it does not know', () => {
    expect(suggestion(lines('oh no'))).toBeNull();
  });
});

describe('headline', () => {
  it('is the first sentence of the message, and the rest follows', () => {
    expect(headline('Exit code 1: the command failed. The log’s last lines say why.')).toEqual({
      title: 'Exit code 1: the command failed',
      detail: 'The log’s last lines say why.',
    });
    expect(headline('Stopped after its timeout of 0.5 s. Set a longer one.').title).toBe(
      'Stopped after its timeout of 0.5 s',
    );
    expect(headline('No full stop')).toEqual({ title: 'No full stop', detail: '' });
  });

  it('invents no reason where the service gives none, and cuts nothing', () => {
    expect(headline(null)).toEqual({ title: 'Job failed', detail: '' });
    const long = `git: ${'x'.repeat(200)}. Then more.`;
    expect(headline(long)).toEqual({ title: 'Job failed', detail: long });
  });
});

describe('largerMachine', () => {
  const machine = (name: string, memory_mb: number, more: Partial<Machine> = {}): Machine => ({
    name,
    title: name,
    description: '',
    kubernetes: {
      gpu_resource: 'nvidia.com/gpu',
      node_selector: {},
      scales_from_zero: false,
      tolerations: [],
    },
    groups: [],
    enabled: true,
    max_per_user: null,
    max_age_s: null,
    idle_timeout_s: null,
    gpu_idle_timeout_s: null,
    cluster: 'default',
    cpu: 1,
    memory_mb,
    gpu: 0,
    gpu_model: null,
    price_per_hour: 0,
    preemptible: false,
    total: 1,
    free: 1,
    waiting: 0,
    ...more,
  });
  const all = [machine('small', 1), machine('large', 8), machine('medium', 4), machine('gpu', 2, { gpu: 1 })];

  it('is the next size up', () => {
    expect(largerMachine(all, 'small')?.name).toBe('medium');
    expect(largerMachine(all, 'large')).toBeNull();
  });

  it('fits on the platform and has at least as many GPUs', () => {
    expect(largerMachine([machine('small', 1), machine('huge', 99, { total: 0 })], 'small')).toBeNull();
    expect(largerMachine(all, 'gpu')).toBeNull();
  });
});
