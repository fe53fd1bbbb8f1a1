/**
 * The pages' way to the API: the login's cookie, which scripts cannot read, and the anti-forgery cookie, which only
 * the pages of this very address can, repeated with every request.
 */

import type { Asked, Transport } from '@outrider/ui';

import { API } from './place.js';

/** The cookie of the most particular path comes first; others of the name belong to the Hub. */
export function antiForgeryToken(cookies: string): string {
  const found = /(?:^|;\s*)_xsrf=([^;]*)/.exec(cookies);
  return found?.[1] ?? '';
}

export const transport: Transport = {
  fetch(path, { method = 'GET', body, headers = {}, signal }: Asked = {}) {
    const all = new Headers(headers);
    all.set('X-XSRFToken', antiForgeryToken(document.cookie));
    const sent: RequestInit = { method, credentials: 'same-origin', headers: all };
    if (signal !== undefined) sent.signal = signal;
    if (body !== undefined) {
      sent.body = JSON.stringify(body);
      all.set('Content-Type', 'application/json');
    }
    return fetch(`${API}${path}`, sent);
  },
  openStream() {
    const address = new URL(`${API}/stream`, window.location.href);
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
    address.searchParams.set('_xsrf', antiForgeryToken(document.cookie));
    return new WebSocket(address);
  },
  href(path) {
    return `${API}${path}`;
  },
};
