/** The state of the submit form: text as typed, its validation, and the submission made from it. Pure. */

import type { Submission } from '../api/types.js';
import { commandLine } from './submission.js';

export type ParamType = 'text' | 'number' | 'boolean' | 'JSON';
export const PARAM_TYPES: readonly ParamType[] = ['text', 'number', 'boolean', 'JSON'];

export interface Param {
  name: string;
  type: ParamType;
  text: string;
}

export interface Pair {
  name: string;
  text: string;
}

/** `folder` is the shell's folder, `kept` the workspace of an earlier job. */
export type WorkspaceKind = 'folder' | 'git' | 'none' | 'kept';

export interface Draft {
  name: string;
  runs: 'command' | 'notebook';
  command: string;
  notebook: string;
  image: string;
  machine: string;
  workspace: WorkspaceKind;
  kept?: Submission['workspace'];
  url: string;
  ref: string;
  params: Param[];
  env: Pair[];
  secrets: string;
  ports: string;
  isPublic: boolean;
  tags: string;
  project: string;
  experiment: string;
  group: string;
  timeout: string;
  retries: string;
  priority: string;
  nodes: string;
  shm: string;
  /** Any number of `name=job-id`. */
  inputs: string;
  cluster: string;
}

export const EMPTY: Draft = {
  name: '',
  runs: 'command',
  command: '',
  notebook: '',
  image: '',
  machine: '',
  workspace: 'none',
  url: '',
  ref: '',
  params: [],
  env: [],
  secrets: '',
  ports: '',
  isPublic: false,
  tags: '',
  project: '',
  experiment: '',
  group: '',
  timeout: '',
  retries: '',
  priority: '',
  nodes: '',
  shm: '',
  inputs: '',
  cluster: '',
};

/** Error messages by submission field. */
export type Problems = Partial<Record<string, string>>;

const NAME = /^[A-Za-z_]\w*$/;
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const INPUT = /^[A-Za-z0-9_][\w.-]{0,62}=j[0-9a-z]{12}$/;
const IMAGE = /^[A-Za-z0-9][A-Za-z0-9._/:@-]*$/;

export function problemsOf(draft: Draft): Problems {
  const found: Problems = {};
  if (draft.runs === 'command' && draft.command.trim() === '') found.command = 'Enter a command.';
  if (draft.runs === 'notebook' && !/^[^/].*\.ipynb$/.test(draft.notebook))
    found.notebook = 'Enter the path of an .ipynb file in the workspace.';
  if (draft.runs === 'notebook' && draft.workspace === 'none')
    found.workspace = 'A notebook job needs a workspace that contains the notebook.';
  if (draft.image !== '' && !IMAGE.test(draft.image))
    found.image = 'Enter an image reference, such as python:3.11.';
  if (draft.workspace === 'git' && !/^(https|ssh):\/\/[^\s@/]+(@[^\s/]+)?\/\S+$/.test(draft.url))
    found.workspace = 'Enter an https:// or ssh:// repository URL.';
  found.params = problemOfParams(draft.params);
  found.env = problemOfNames(
    draft.env.map((pair) => pair.name),
    'variable',
  );
  if (words(draft.secrets).some((name) => !NAME.test(name)))
    found.secrets = 'Secret names may contain only letters, digits and _.';
  if (words(draft.inputs).some((one) => !INPUT.test(one))) found.inputs = 'Enter each input as name=job-id.';
  found.ports = problemOfPorts(draft.ports);
  for (const field of ['project', 'experiment'] as const)
    if (draft[field] !== '' && !LABEL.test(draft[field]))
      found[field] = 'Use at most 63 letters, digits, dots, hyphens and underscores.';
  if (words(draft.tags).some((tag) => !LABEL.test(tag)))
    found.tags = 'Tags may contain only letters, digits, dots, hyphens and underscores.';
  if (draft.timeout !== '' && seconds(draft.timeout) === null)
    found.timeout_s = 'Enter a duration, such as 90 s, 30 min, 2 h or 1 d.';
  for (const [field, name, least, most] of [
    ['retries', 'retries', 0, 100],
    ['priority', 'priority', -100, 100],
    ['nodes', 'nodes', 1, 1024],
    ['shm', 'shm_mb', 1, 16_777_216],
  ] as const) {
    const value = Number(draft[field]);
    if (draft[field] !== '' && (!Number.isInteger(value) || value < least || value > most))
      found[name] = `Enter a whole number from ${String(least)} to ${String(most)}.`;
  }
  return Object.fromEntries(Object.entries(found).filter(([, text]) => text !== undefined));
}

function problemOfNames(names: readonly string[], what: string): string | undefined {
  const bad = names.find((name) => !NAME.test(name));
  if (bad !== undefined)
    return bad === ''
      ? `Each ${what} needs a name.`
      : `“${bad}” is not a valid ${what} name: use letters, digits and _.`;
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) return `“${twice}” is listed more than once.`;
  const ours = what === 'variable' ? names.find((name) => name.startsWith('OUTRIDER_')) : undefined;
  return ours === undefined
    ? undefined
    : `“${ours}” is reserved: names starting with OUTRIDER_ are set by the platform.`;
}

function problemOfParams(params: readonly Param[]): string | undefined {
  const names = problemOfNames(
    params.map((param) => param.name),
    'parameter',
  );
  if (names !== undefined) return names;
  const bad = params.find((param) => valueOf(param) === undefined);
  if (bad === undefined) return undefined;
  const wanted = { number: 'a number', boolean: 'true or false', JSON: 'JSON', text: 'text' }[bad.type];
  return `“${bad.name}” must be ${wanted}.`;
}

function problemOfPorts(text: string): string | undefined {
  const ports = words(text).map(Number);
  if (ports.some((port) => !Number.isInteger(port) || port < 1024 || port > 65_535))
    return 'Ports must be numbers from 1024 to 65535.';
  return new Set(ports).size < ports.length ? 'A port is listed more than once.' : undefined;
}

/** The typed value; undefined if the text does not match the type. */
export function valueOf({ type, text }: Param): unknown {
  const trimmed = text.trim();
  switch (type) {
    case 'text':
      return text;
    case 'number':
      return trimmed !== '' && Number.isFinite(Number(trimmed)) ? Number(trimmed) : undefined;
    case 'boolean':
      return trimmed === 'true' ? true : trimmed === 'false' ? false : undefined;
    case 'JSON':
      try {
        return JSON.parse(trimmed) as unknown;
      } catch {
        return undefined;
      }
  }
}

/** A parameter for the form. */
export function paramOf(name: string, value: unknown): Param {
  if (typeof value === 'string') return { name, type: 'text', text: value };
  if (typeof value === 'number') return { name, type: 'number', text: String(value) };
  if (typeof value === 'boolean') return { name, type: 'boolean', text: String(value) };
  return { name, type: 'JSON', text: JSON.stringify(value) };
}

/** Splits at commas and spaces. */
export function words(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

const UNITS: Record<string, number> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400 };

/** Parses `2 h 30 min`, or a number of seconds, into seconds; null if invalid or not positive. */
export function seconds(text: string): number | null {
  const compact = text.replaceAll(/\s+/g, '');
  if (/^\d+$/.test(compact)) return Number(compact) || null;
  if (!/^(\d+(\.\d+)?(s|min|m|h|d))+$/.test(compact)) return null;
  let sum = 0;
  for (const [, number, unit] of compact.matchAll(/(\d+(?:\.\d+)?)(s|min|m|h|d)/g))
    sum += Number(number) * (UNITS[unit ?? ''] ?? 0);
  return Math.round(sum) || null;
}

function record<T>(entries: [string, T][]): Record<string, T> {
  return Object.fromEntries(entries);
}

/** The submission. The shell fills in the workspace of `folder`; the service refuses drafts with problems. */
export function submissionOfDraft(draft: Draft): Submission {
  const made: Partial<Submission> = {};
  const set = <K extends keyof Submission>(name: K, value: Submission[K] | null, wanted: boolean): void => {
    if (wanted && value !== null) made[name] = value;
  };
  set('name', draft.name.trim(), draft.name.trim() !== '');
  set('image', draft.image, draft.image !== '');
  set('machine', draft.machine, draft.machine !== '');
  set('command', draft.command, draft.runs === 'command');
  set('notebook', draft.notebook, draft.runs === 'notebook');
  if (draft.workspace === 'git')
    made.workspace = { type: 'git', url: draft.url.trim(), ref: draft.ref.trim() || null };
  else if (draft.workspace === 'kept' && draft.kept !== undefined) made.workspace = draft.kept;
  else made.workspace = { type: 'none' };
  made.params = record(draft.params.map((param) => [param.name, valueOf(param)]));
  made.env = record(draft.env.map((pair) => [pair.name, pair.text]));
  made.inputs = record(words(draft.inputs).map((one) => one.split('=') as [string, string]));
  set('cluster', draft.cluster, draft.cluster !== '');
  made.secrets = words(draft.secrets);
  made.ports = words(draft.ports).map(Number);
  made.public = draft.isPublic && made.ports.length > 0;
  made.tags = words(draft.tags);
  set('project', draft.project, draft.project !== '');
  set('experiment', draft.experiment, draft.experiment !== '');
  set('group', draft.group, draft.group !== '');
  set('timeout_s', seconds(draft.timeout), draft.timeout !== '');
  set('retries', Number(draft.retries), draft.retries !== '');
  set('priority', Number(draft.priority), draft.priority !== '');
  set('nodes', Number(draft.nodes), draft.nodes !== '');
  set('shm_mb', Number(draft.shm), draft.shm !== '');
  return made as Submission;
}

/** A form filled in with an existing submission. */
export function draftOfSubmission(made: Submission): Draft {
  const { workspace } = made;
  const text = (value: number | null | undefined, usual: number | null): string =>
    value === null || value === undefined || value === usual ? '' : String(value);
  return {
    ...EMPTY,
    name: made.name ?? '',
    runs: made.notebook ? 'notebook' : 'command',
    command: made.notebook
      ? ''
      : commandLine({ command: made.command ?? null, args: made.args ?? null, notebook: null }),
    notebook: made.notebook ?? '',
    image: made.image ?? '',
    machine: made.machine ?? '',
    workspace: workspace.type === 'snapshot' ? 'kept' : workspace.type === 'git' ? 'git' : 'none',
    kept: workspace,
    url: workspace.type === 'git' ? workspace.url : '',
    ref: workspace.type === 'git' ? (workspace.ref ?? '') : '',
    params: Object.entries(made.params ?? {}).map(([name, value]) => paramOf(name, value)),
    env: Object.entries(made.env ?? {}).map(([name, value]) => ({ name, text: value })),
    secrets: (made.secrets ?? []).join(', '),
    ports: (made.ports ?? []).join(', '),
    isPublic: made.public,
    tags: (made.tags ?? []).join(', '),
    project: made.project ?? '',
    experiment: made.experiment ?? '',
    group: made.group ?? '',
    timeout: text(made.timeout_s, null),
    retries: text(made.retries, 0),
    priority: text(made.priority, 0),
    nodes: text(made.nodes, 1),
    shm: text(made.shm_mb, null),
    inputs: Object.entries(made.inputs ?? {})
      .map(([name, id]) => `${name}=${id}`)
      .join(', '),
    cluster: made.cluster,
  };
}
