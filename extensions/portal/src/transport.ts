/**
 * API access by cookie: the HttpOnly login cookie, plus the anti-forgery cookie, which only pages of this path can read,
 * repeated in a header of every request.
 */

import type { Asked, Transport } from '@outrider/ui';

import { API } from './place.js';

/** The first match: browsers list the most specific path first, and the others belong to the Hub. */
export function antiForgeryToken(cookies: string): string {
  const found = /(?:^|;\s*)_xsrf=([^;]*)/.exec(cookies);
  return found?.[1] ?? '';
}

let expired = false;
const listeners = new Set<() => void>();

/** Whether the session has expired, for useSyncExternalStore. */
export const login = {
  expired: (): boolean => expired,
  onChange: (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

function learn(answer: Response): Response {
  const over = answer.status === 401;
  // A successful response means that the session is valid, perhaps again after a login in another tab.
  if (over !== expired && (over || answer.ok)) {
    expired = over;
    for (const listener of listeners) listener();
  }
  return answer;
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
    return fetch(`${API}${path}`, sent).then(learn);
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
