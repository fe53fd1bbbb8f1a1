import { describe, expect, it } from 'vitest';

import { addressOf, parse, storageAddress, usageAddress } from './routes.js';

describe('addresses', () => {
  it('map to pages', () => {
    expect(parse('', '')).toEqual({ page: 'home' });
    expect(parse('jobs', '?show=failed&q=a%20b&other=1')).toEqual({
      page: 'jobs',
      view: { show: 'failed', q: 'a b' },
    });
    expect(parse('jobs/', '')).toEqual({ page: 'jobs', view: {} });
    expect(parse('jobs/j1', '')).toMatchObject({ page: 'job', id: 'j1', view: { tab: 'overview' } });
    expect(parse('images', '')).toEqual({ page: 'images' });
    expect(parse('new', '?machine=gpu')).toEqual({ page: 'new', step: null, query: '?machine=gpu' });
    expect(parse('new/review', '')).toEqual({ page: 'new', step: 'review', query: '' });
    expect(parse('new/elsewhere', '')).toEqual({ page: 'lost' });
    expect(parse('storage/a%20b/c%25', '')).toEqual({ page: 'storage', path: 'a b/c%' });
    expect(parse('usage', '?by=day&since=2024-05-01&all=true')).toEqual({
      page: 'usage',
      view: { by: 'day', since: '2024-05-01', until: undefined, all: true },
    });
    expect(parse('jobs/j1/log', '?line=7')).toMatchObject({ view: { tab: 'log', line: 7 } });
  });

  it('reject invalid input', () => {
    expect(parse('jobs', '?show=everything')).toEqual({ page: 'jobs', view: {} });
    expect(parse('jobs/j1/log', '?line=-3')).toMatchObject({ view: { line: undefined } });
    expect(parse('jobs/j1/nonsense', '')).toEqual({ page: 'lost' });
    expect(parse('jobs/j1/log/more', '')).toEqual({ page: 'lost' });
    expect(parse('elsewhere', '')).toEqual({ page: 'lost' });
    expect(parse('images/more', '')).toEqual({ page: 'lost' });
    expect(parse('storage/a%2Fb', '')).toEqual({ page: 'lost' });
    expect(parse('usage', '?by=colour&since=yesterday')).toMatchObject({
      view: { by: 'machine', since: undefined },
    });
    expect(parse('jobs/%E0%A4%A', '')).toEqual({ page: 'lost' });
  });

  it('round-trip', () => {
    const view = { tab: 'charts', chart: 'val/acc @3', line: 12, path: undefined } as const;
    const address = addressOf({ page: 'job', id: 'j1', view });
    const [path = '', search = ''] = address.split('?');
    expect(parse(path, `?${search}`)).toEqual({ page: 'job', id: 'j1', view });
    expect(addressOf({ page: 'jobs' })).toBe('jobs');
    expect(storageAddress('a b/c%')).toBe('/storage/a%20b/c%25');
    expect(usageAddress({ by: 'user', since: undefined, until: undefined, all: false })).toBe(
      '/usage?by=user',
    );
  });
});
