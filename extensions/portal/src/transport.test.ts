import { expect, it, vi } from 'vitest';

it('takes the anti-forgery token of the pages’ own path', async () => {
  vi.stubGlobal('document', { querySelector: () => null, cookie: '' });
  const { antiForgeryToken } = await import('./transport.js');
  expect(antiForgeryToken('a=1; _xsrf=mine; _xsrf=hub')).toBe('mine');
  expect(antiForgeryToken('my_xsrf=other')).toBe('');
});
