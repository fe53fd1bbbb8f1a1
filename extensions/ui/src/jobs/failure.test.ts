import { describe, expect, it } from 'vitest';

import type { Machine } from '../api/types.js';
import { largerMachine, type Line, likelyFix, tellingLines } from './failure.js';

function lines(...texts: string[]): Line[] {
  return texts.map((text, i) => ({ n: i + 1, text }));
}

const TRACEBACK = [
  'Traceback (most recent call last):',
  '  File "train.py", line 3, in <module>',
  '    import torch',
  "ModuleNotFoundError: No module named 'torch'",
];

describe('tellingLines', () => {
  it('takes the last traceback to its end, and not what was printed after it', () => {
    const found = tellingLines(lines('epoch 1', ...TRACEBACK, 'cleaning up', 'bye', ''));
    expect(found.map((line) => line.text)).toEqual(TRACEBACK);
    expect(found[0]?.n).toBe(2);
  });

  it('keeps the exception of a long traceback', () => {
    const frames = Array.from({ length: 80 }, (_, i) => `  File "a.py", line ${String(i)}, in f`);
    const found = tellingLines(lines('Traceback (most recent call last):', ...frames, 'ValueError: no'), 12);
    expect(found).toHaveLength(12);
    expect(found[0]?.text).toMatch(/^Traceback/);
    expect(found[11]?.text).toBe('ValueError: no');
  });

  it('sees through colours', () => {
    const [line] = tellingLines(lines('\x1b[31mbash: foo: command not found\x1b[0m'));
    expect(line?.text).toBe('bash: foo: command not found');
  });

  it('takes the last lines where nothing complains, and none of nothing', () => {
    expect(tellingLines(lines('a', 'b', 'c')).map((line) => line.n)).toEqual([1, 2, 3]);
    expect(tellingLines([])).toEqual([]);
  });
});

describe('likelyFix', () => {
  const job = { reason: 'exited', exit_code: 1 } as const;

  it('names the missing package', () => {
    expect(likelyFix(job, lines(...TRACEBACK))).toContain('“torch”');
  });

  it('knows the memory of a GPU from that of a machine', () => {
    expect(
      likelyFix(job, lines('torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB')),
    ).toContain('GPU');
    expect(likelyFix({ reason: 'out_of_memory', exit_code: 137 }, [])).toContain('machine type');
  });

  it('says nothing where it knows nothing', () => {
    expect(likelyFix(job, lines('oh no'))).toBeNull();
  });
});

describe('largerMachine', () => {
  const machine = (name: string, memory_mb: number, more: Partial<Machine> = {}): Machine => ({
    name,
    title: name,
    description: '',
    gpu_resource: 'nvidia.com/gpu',
    node_selector: {},
    scales_from_zero: false,
    tolerations: [],
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

  it('is the next one up', () => {
    expect(largerMachine(all, 'small')?.name).toBe('medium');
    expect(largerMachine(all, 'large')).toBeNull();
  });

  it('is one that could ever start here, and has the GPUs that the job had', () => {
    expect(largerMachine([machine('small', 1), machine('huge', 99, { total: 0 })], 'small')).toBeNull();
    expect(largerMachine(all, 'gpu')).toBeNull();
  });
});
