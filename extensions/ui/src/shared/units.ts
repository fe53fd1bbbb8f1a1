/** Titles and units of system charts. Pure. */

import { bytes, value } from './format.js';

interface SystemChart {
  title: string;
  scale?: string;
  write: (y: number) => string;
  order: number;
}

const KEYS = ['chart', 'y', 'x', 'series', 'axis'];

const percent = (y: number): string => `${y.toFixed(y < 10 ? 1 : 0)} %`;

const SYSTEM: Record<string, SystemChart> = {
  'system/cpu': { title: 'CPU', scale: '100 % = 1 core', write: percent, order: 1 },
  'system/memory': { title: 'Memory', write: bytes, order: 2 },
  'system/gpu_utilisation': { title: 'GPU utilisation', write: percent, order: 3 },
  'system/gpu_memory': { title: 'GPU memory', write: bytes, order: 4 },
  'system/gpu_power': { title: 'GPU power', write: (y) => `${y.toFixed(0)} W`, order: 5 },
  'system/gpu_temperature': { title: 'GPU temperature', write: (y) => `${y.toFixed(0)} °C`, order: 6 },
};

export function chartName(chart: string): string {
  return SYSTEM[chart]?.title ?? chart.replace(/^system\//, '');
}

/** The name, with its scale where that is not obvious. */
export function chartTitle(chart: string): string {
  const scale = SYSTEM[chart]?.scale;
  return scale === undefined ? chartName(chart) : `${chartName(chart)} (${scale})`;
}

export function chartWriter(chart: string): (y: number) => string {
  return SYSTEM[chart]?.write ?? value;
}

/** Tick increments for bytes: powers of two. */
const BYTE_STEPS = Array.from({ length: 50 }, (_, i) => 2 ** i);

export function chartSteps(chart: string): number[] | undefined {
  return SYSTEM[chart]?.write === bytes ? BYTE_STEPS : undefined;
}

export function chartOrder(chart: string): number {
  return SYSTEM[chart]?.order ?? 100;
}

/** The chart that a log line reports to, by the same rules as the service's parser; null for ordinary lines. */
export function metricOfLine(text: string): { chart: string; point: boolean } | null {
  if (!text.includes('"chart"')) return null;
  const whole = text.trimStart().startsWith('{') ? metricOf(text) : null;
  if (whole !== null || isJson(text)) return whole;
  // Other writers may have left the line unfinished: the first metric in it counts.
  for (const [part] of text.matchAll(/\{[^{}]*"chart"[^{}]*\}/g)) {
    const found = metricOf(part);
    if (found !== null) return found;
  }
  return null;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function metricOf(text: string): { chart: string; point: boolean } | null {
  if (text.length > 4096) return null;
  try {
    const found = JSON.parse(text) as Record<string, unknown>;
    const { chart, y, axis } = found;
    if (typeof chart !== 'string' || chart.startsWith('system/')) return null;
    if (!Object.keys(found).every((key) => KEYS.includes(key))) return null;
    if (typeof y === 'number') return { chart, point: true };
    return y === undefined && typeof axis === 'string' ? { chart, point: false } : null;
  } catch {
    return null;
  }
}
