/**
 * Encodes the form in a URL, for sharing and bookmarks. Values of variables are never included, because URLs end up in
 * histories and logs. Pure.
 */

import { EMPTY_DRAFT, type Draft, paramOf, valueOf } from '@outrider/ui';

import type { Filled, Step } from './steps.js';

const TEXTS = [
  'name',
  'image',
  'machine',
  'notebook',
  'command',
  'ref',
  'secrets',
  'ports',
  'inputs',
  'tags',
  'project',
  'experiment',
  'group',
  'timeout',
  'retries',
  'priority',
  'nodes',
  'shm',
  'cluster',
] as const satisfies readonly (keyof Draft)[];
/** Longer values are omitted, as some servers and browsers limit the length of URLs. */
const LONGEST = 1500;
const SNAPSHOT = /^sha256:[0-9a-f]{64}$/;

export function queryOf({ draft, upload }: Filled): string {
  const query = new URLSearchParams();
  const unused = draft.runs === 'command' ? 'notebook' : 'command';
  for (const name of TEXTS)
    if (name !== unused && draft[name] !== '' && draft[name].length <= LONGEST) query.set(name, draft[name]);
  for (const param of draft.params) {
    const value = valueOf(param);
    if (param.name !== '' && value !== undefined)
      query.append('param', `${param.name}=${JSON.stringify(value)}`);
  }
  if (draft.isPublic) query.set('public', 'true');
  if (draft.workspace === 'git') query.set('git', draft.url);
  else if (draft.workspace === 'folder' && upload !== null) {
    query.set('snapshot', upload.id);
    query.set('folder', upload.name);
    query.set('files', String(upload.files));
    query.set('size', String(upload.size));
  }
  return query.toString();
}

export function filledOf(search: string): Filled {
  const query = new URLSearchParams(search);
  const draft: Draft = { ...EMPTY_DRAFT };
  for (const name of TEXTS) draft[name] = query.get(name) ?? '';
  if (draft.notebook !== '' && draft.command === '') draft.runs = 'notebook';
  draft.params = query.getAll('param').map((text) => {
    const [name = '', ...rest] = text.split('=');
    return paramOf(name, parsed(rest.join('=')));
  });
  draft.isPublic = query.get('public') === 'true';
  const git = query.get('git');
  const id = query.get('snapshot') ?? '';
  if (git !== null) return { draft: { ...draft, workspace: 'git', url: git }, upload: null };
  if (!SNAPSHOT.test(id)) return { draft, upload: null };
  const upload = {
    id,
    name: query.get('folder') ?? 'folder',
    files: Number(query.get('files')) || 0,
    size: Number(query.get('size')) || 0,
  };
  return { draft: { ...draft, workspace: 'folder' }, upload };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Relative to the portal's base path, with a leading slash. */
export function newJobAddress(step: Step, filled: Filled): string {
  const query = queryOf(filled);
  return `/new/${step}${query && `?${query}`}`;
}
