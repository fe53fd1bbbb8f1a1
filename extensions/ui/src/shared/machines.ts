/** Text about machine types. Pure. */

import type { Machine } from '../api/types.js';

/** `4 CPU`, `16 GiB`, `2 × A100`. */
export function machineParts(
  machine: Pick<Machine, 'cpu' | 'memory_mb' | 'gpu' | 'gpu_model'>,
  size: (bytes: number) => string,
): string[] {
  const parts = [`${String(machine.cpu)} CPU`, size(machine.memory_mb * 2 ** 20)];
  if (machine.gpu > 0) parts.push(`${String(machine.gpu)} × ${machine.gpu_model ?? 'GPU'}`);
  return parts;
}

/** Whether a job would start at once, and text about availability. */
export function whenFree(machine: Pick<Machine, 'total' | 'free' | 'waiting'>): {
  now: boolean;
  text: string;
} {
  if (machine.total === 0) return { now: false, text: 'exceeds platform capacity' };
  if (machine.free === null)
    return {
      now: false,
      text: machine.waiting > 0 ? `${String(machine.waiting)} waiting` : 'availability unknown',
    };
  if (machine.free > 0 && machine.waiting === 0) return { now: true, text: 'free now' };
  return { now: false, text: `queue position ${String(machine.waiting + 1)}` };
}

/** `3 of 8`, for a column. */
export function howManyFree(machine: Pick<Machine, 'total' | 'free'>): string {
  if (machine.free === null) return 'unknown';
  if (machine.total === 0) return 'too large';
  return machine.total === null
    ? String(machine.free)
    : `${String(machine.free)} of ${String(machine.total)}`;
}

/** The default machine type: the first wanted one that exists, else the cheapest that fits on the platform. */
export function firstMachine(machines: readonly Machine[], wanted: readonly (string | null)[]): string {
  for (const name of wanted) if (name && machines.some((machine) => machine.name === name)) return name;
  const fitting = machines.filter((machine) => machine.total !== 0);
  const [cheapest] = [...fitting].sort(
    (a, b) => a.price_per_hour - b.price_per_hour || a.memory_mb - b.memory_mb,
  );
  return cheapest?.name ?? machines[0]?.name ?? '';
}
