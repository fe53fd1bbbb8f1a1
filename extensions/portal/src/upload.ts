/** A file on its way to /storage, read from the disk as it goes; the browser tells how far it is. */

import { ApiError, escapePath } from '@outrider/ui';

import { API } from './place.js';
import { antiForgeryToken } from './transport.js';

export function upload(
  path: string,
  file: File,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // Not fetch: it does not say how much has gone out.
    const request = new XMLHttpRequest();
    request.open('PUT', `${API}/storage/${escapePath(path)}`);
    request.setRequestHeader('X-XSRFToken', antiForgeryToken(document.cookie));
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.onprogress = (event) => {
      onProgress(event.total > 0 ? event.loaded / event.total : 0);
    };
    request.onload = () => {
      if (request.status < 300) resolve();
      else reject(new ApiError(request.status, said(request)));
    };
    request.onerror = () => {
      reject(new ApiError(0, `${file.name} did not arrive: the connection broke.`));
    };
    request.onabort = () => {
      reject(new ApiError(0, `${file.name} was not sent to its end.`));
    };
    signal.addEventListener('abort', () => {
      request.abort();
    });
    request.send(file);
  });
}

function said(request: XMLHttpRequest): string {
  try {
    const { message } = JSON.parse(request.responseText) as { message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // The proxy's own page, not the service's words.
  }
  return `The service answered ${String(request.status)}.`;
}
