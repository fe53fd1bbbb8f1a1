/** Uploads with progress. The browser streams the file from disk. */

import { ApiError, escapePath } from '@outrider/ui';

import { API } from './place.js';
import { antiForgeryToken } from './transport.js';

export function upload(
  path: string,
  file: File,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<unknown> {
  return send('PUT', `/storage/${escapePath(path)}`, file, file.name, onProgress, signal);
}

/** `name` identifies the body in error messages. Rejects with ApiError. */
export function send(
  method: string,
  path: string,
  body: Blob,
  name: string,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    // fetch() does not report upload progress.
    const request = new XMLHttpRequest();
    request.open(method, API + path);
    request.setRequestHeader('X-XSRFToken', antiForgeryToken(document.cookie));
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.onprogress = (event) => {
      onProgress(event.total > 0 ? event.loaded / event.total : 0);
    };
    request.onload = () => {
      if (request.status < 300) resolve(parsed(request));
      else reject(new ApiError(request.status, said(request)));
    };
    request.onerror = () => {
      reject(new ApiError(0, `Upload of ${name} failed: connection lost.`));
    };
    request.onabort = () => {
      reject(new ApiError(0, `Upload of ${name} was cancelled.`));
    };
    const stop = (): void => {
      request.abort();
    };
    signal.addEventListener('abort', stop);
    request.onloadend = () => {
      signal.removeEventListener('abort', stop);
    };
    request.send(body);
  });
}

function parsed(request: XMLHttpRequest): unknown {
  try {
    return JSON.parse(request.responseText) as unknown;
  } catch {
    // An empty response, as for /storage.
    return null;
  }
}

function said(request: XMLHttpRequest): string {
  try {
    const { message } = JSON.parse(request.responseText) as { message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // Not JSON: the proxy's error page.
  }
  return `The service returned HTTP ${String(request.status)}.`;
}
