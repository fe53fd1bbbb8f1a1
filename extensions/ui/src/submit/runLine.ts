/** The `outrider run` command equivalent to a form. Pure. */

import type { Submission } from '../api/types.js';
import { quoted } from './submission.js';

/** `workspace` is the value of --workspace: a directory, a zip, a URL with ref, or none. */
export function runLine(submission: Submission, workspace: string): string {
  const options: [string, string | null][] = [];
  const one = (name: string, value: string | number | null | undefined): void => {
    if (value !== null && value !== undefined && value !== '') options.push([name, String(value)]);
  };
  const many = (name: string, values: readonly (string | number)[] | undefined): void => {
    for (const value of values ?? []) options.push([name, String(value)]);
  };
  one('--name', submission.name);
  one('--image', submission.image);
  one('--machine', submission.machine);
  one('--workspace', workspace);
  many('--param', pairs(submission.params, paramText));
  many('--env', pairs(submission.env, String));
  many('--secret', submission.secrets);
  many('--input', pairs(submission.inputs, String));
  many('--port', submission.ports);
  if (submission.public) options.push(['--public', null]);
  one('--project', submission.project);
  one('--experiment', submission.experiment);
  one('--group', submission.group);
  many('--tag', submission.tags);
  one('--timeout', submission.timeout_s);
  one('--retries', submission.retries || null);
  one('--priority', submission.priority || null);
  one('--nodes', submission.nodes === 1 ? null : submission.nodes);
  one('--shm', submission.shm_mb ? `${String(submission.shm_mb)}m` : null);
  one('--cluster', submission.cluster === 'default' ? null : submission.cluster);
  one('--notebook', submission.notebook);
  one('--command', submission.command);
  const lines = options.map(([name, value]) => {
    if (value === null) return name;
    // A value that starts with a dash would be parsed as an option.
    return value.startsWith('-') ? `${name}=${quoted(value)}` : `${name} ${quoted(value)}`;
  });
  return ['outrider run', ...lines].join(' \\\n  ');
}

function pairs(values: Record<string, unknown> | undefined, text: (value: unknown) => string): string[] {
  return Object.entries(values ?? {}).map(([name, value]) => `${name}=${text(value)}`);
}

/** The inverse of how the command line parses values: JSON if possible, else text. */
function paramText(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  try {
    JSON.parse(value);
  } catch {
    return value;
  }
  return JSON.stringify(value);
}
