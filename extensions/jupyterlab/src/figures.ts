/** Text for the status bar, and when to warn that this server stops. Pure. */

import type { ServerStatus } from './server.js';

const GIB = 2 ** 30;
const LONGEST_WARNING_MS = 15 * 60_000;

function gib(bytes: number): string {
  const value = bytes / GIB;
  return value >= 10 ? value.toFixed(0) : value.toFixed(1);
}

/** `GPU 34 %, 12 of 80 GiB`, one for each GPU. */
export function gpuTexts(status: Pick<ServerStatus, 'usage'>): string[] {
  const gpus = status.usage.gpus ?? [];
  return gpus.map((gpu) => {
    const name = gpus.length > 1 ? `GPU ${String(gpu.index)}` : 'GPU';
    const load = typeof gpu.utilisation === 'number' ? ` ${gpu.utilisation.toFixed(0)} %` : '';
    const memory =
      typeof gpu.memory_used === 'number' && typeof gpu.memory_total === 'number'
        ? `, ${gib(gpu.memory_used)} of ${gib(gpu.memory_total)} GiB`
        : '';
    return `${name}${load}${memory}`;
  });
}

/** `1.2 of 4.0 GiB`; empty if it is not measured. */
export function memoryText({ usage }: Pick<ServerStatus, 'usage'>): string {
  if (typeof usage.memory !== 'number') return '';
  const limit = typeof usage.memory_limit === 'number' ? ` of ${gib(usage.memory_limit)}` : '';
  return `${gib(usage.memory)}${limit} GiB`;
}

/** Milliseconds until the culler stops the server; null if it does not. */
export function timeLeft(status: Pick<ServerStatus, 'notebook'>, now: number): number | null {
  const stops = status.notebook?.stops_at;
  return stops ? Math.max(0, Date.parse(stops) - now) : null;
}

/** A duration in a single unit: `3 h`, `12 min`, `40 s`. */
export function shortTime(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${String(seconds)} s`;
  if (seconds < 3600) return `${String(Math.floor(seconds / 60))} min`;
  if (seconds < 48 * 3600) return `${String(Math.floor(seconds / 3600))} h`;
  return `${String(Math.floor(seconds / 86_400))} d`;
}

/** True in the last 15 minutes, or in the second half of a shorter idle timeout. */
export function mustWarn(status: Pick<ServerStatus, 'notebook'>, now: number): boolean {
  const left = timeLeft(status, now);
  const { stops_at: stops, last_activity: used } = status.notebook ?? {};
  if (left === null || !stops || !used) return false;
  return left <= Math.min(LONGEST_WARNING_MS, (Date.parse(stops) - Date.parse(used)) / 2);
}
