/** What the platform's own charts measure: their titles, and how their values are written. Pure. */

import { bytes, value } from './format.js';

interface SystemChart {
  title: string;
  write: (y: number) => string;
  order: number;
}

const percent = (y: number): string => `${y.toFixed(y < 10 ? 1 : 0)} %`;

const SYSTEM: Record<string, SystemChart> = {
  'system/cpu': { title: 'CPU (100 % is one core)', write: percent, order: 1 },
  'system/memory': { title: 'Memory', write: bytes, order: 2 },
  'system/gpu_utilisation': { title: 'GPU utilisation', write: percent, order: 3 },
  'system/gpu_memory': { title: 'GPU memory', write: bytes, order: 4 },
  'system/gpu_power': { title: 'GPU power', write: (y) => `${y.toFixed(0)} W`, order: 5 },
  'system/gpu_temperature': { title: 'GPU temperature', write: (y) => `${y.toFixed(0)} °C`, order: 6 },
};

export function chartTitle(chart: string): string {
  return SYSTEM[chart]?.title ?? chart.replace(/^system\//, '');
}

export function chartWriter(chart: string): (y: number) => string {
  return SYSTEM[chart]?.write ?? value;
}

export function chartOrder(chart: string): number {
  return SYSTEM[chart]?.order ?? 100;
}

/** The metric that a log line is, by the same rules as the service's parser, or null for an ordinary line. */
export function metricOfLine(text: string): { chart: string } | null {
  if (text.length > 4096 || !text.trimStart().startsWith('{')) return null;
  try {
    const found = JSON.parse(text) as Record<string, unknown>;
    const { chart, y } = found;
    if (typeof chart !== 'string' || typeof y !== 'number' || chart.startsWith('system/')) return null;
    const known = ['chart', 'y', 'x', 'series', 'axis'];
    return Object.keys(found).every((key) => known.includes(key)) ? { chart } : null;
  } catch {
    return null;
  }
}
