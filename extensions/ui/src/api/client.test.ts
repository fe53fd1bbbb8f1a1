import { describe, expect, it } from 'vitest';

import { escapePath, queryString } from './client.js';

describe('addresses', () => {
  it('keep the slashes of a path and escape the rest', () => {
    expect(escapePath('a b/ü#1?.png')).toBe('a%20b/%C3%BC%231%3F.png');
  });

  it('omit undefined values and repeat lists', () => {
    expect(
      queryString({ q: 'a&b', status: ['failed', 'running'], owner: undefined, tag: '', limit: 5 }),
    ).toBe('?q=a%26b&status=failed&status=running&limit=5');
    expect(queryString({})).toBe('');
  });
});
