/** Parses and builds the URLs of the pages. Pure. */

import { type JobView, type ListView, type Tab, TABS, type Target } from '@outrider/ui';

import { isStep, type Step } from './newjob/steps.js';

export type Place =
  | { page: 'home' }
  | { page: 'jobs'; view: ListView }
  | { page: 'job'; id: string; view: JobView }
  | { page: 'compare'; ids: string[] }
  | { page: 'new'; step: Step | null; query: string }
  | { page: 'images' | 'machines' | 'settings' }
  | { page: 'storage'; path: string }
  | { page: 'usage'; view: UsageView }
  | { page: 'lost' };

/** The state of the usage page; days as `2024-05-31`. */
export interface UsageView {
  by: string;
  since: string | undefined;
  until: string | undefined;
  all: boolean;
}

const DIMENSIONS = ['machine', 'project', 'user', 'group', 'kind', 'day'];

const LIST = ['show', 'q', 'owner', 'project', 'experiment', 'tag', 'cursor'] as const;
const SHOWN = ['active', 'succeeded', 'failed', 'cancelled'];

/** `path` is relative to the prefix, without a leading slash. */
export function parse(path: string, search: string): Place {
  const query = new URLSearchParams(search);
  if (path === 'storage' || path.startsWith('storage/')) return storagePlace(path);
  const [first = '', second = '', third = '', ...rest] = path
    .split('/')
    .filter((part, i, all) => part || i < all.length - 1);
  if (rest.length > 0) return { page: 'lost' };
  if (first === '') return { page: 'home' };
  if (first === 'compare' && second === '') return { page: 'compare', ids: query.getAll('job') };
  if (first === 'new' && third === '' && (second === '' || isStep(second)))
    return { page: 'new', step: second === '' ? null : second, query: search };
  if (second === '') {
    switch (first) {
      case 'images':
      case 'machines':
      case 'settings':
        return { page: first };
      case 'usage':
        return { page: 'usage', view: usageView(query) };
    }
  }
  if (first !== 'jobs') return { page: 'lost' };
  if (second === '') return { page: 'jobs', view: listView(query) };
  const tab = (third || 'overview') as Tab;
  if (!TABS.includes(tab)) return { page: 'lost' };
  const id = decoded(second);
  return id === null ? { page: 'lost' } : { page: 'job', id, view: jobView(tab, query) };
}

function storagePlace(path: string): Place {
  const parts = path.split('/').slice(1).filter(Boolean).map(decoded);
  // An encoded slash in a name would change the path.
  if (parts.some((part) => part === null || part.includes('/'))) return { page: 'lost' };
  return { page: 'storage', path: parts.join('/') };
}

function usageView(query: URLSearchParams): UsageView {
  const by = query.get('by') ?? '';
  const day = (name: string): string | undefined => {
    const value = query.get(name) ?? '';
    return /^\d{4}-\d{2}-\d{2}$/.test(value) ? value : undefined;
  };
  return {
    by: DIMENSIONS.includes(by) ? by : 'machine',
    since: day('since'),
    until: day('until'),
    all: query.get('all') === 'true',
  };
}

/** Relative to the portal's base path, with a leading slash. */
export function storageAddress(path: string): string {
  return path === '' ? '/storage' : `/storage/${path.split('/').map(encodeURIComponent).join('/')}`;
}

export function usageAddress({ by, since, until, all }: UsageView): string {
  return `/usage${search({ by, since, until, all: all ? 'true' : undefined })}`;
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

function listView(query: URLSearchParams): ListView {
  const view: Record<string, string> = {};
  for (const name of LIST) {
    const value = query.get(name);
    if (value && (name !== 'show' || SHOWN.includes(value))) view[name] = value;
  }
  return view;
}

function jobView(tab: Tab, query: URLSearchParams): JobView {
  const line = Number(query.get('line') ?? '');
  return {
    tab,
    line: Number.isSafeInteger(line) && line > 0 ? line : undefined,
    chart: query.get('chart') ?? undefined,
    path: query.get('path') ?? undefined,
  };
}

export function addressOf(target: Target): string {
  if (target.page === 'jobs') return `jobs${search(target.query ?? {})}`;
  if (target.page === 'compare')
    return `compare?${target.ids.map((id) => `job=${encodeURIComponent(id)}`).join('&')}`;
  const { tab = 'overview', ...rest } = target.view ?? {};
  return `jobs/${encodeURIComponent(target.id)}${tab === 'overview' ? '' : `/${tab}`}${search(rest)}`;
}

function search(values: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `?${text}` : '';
}
