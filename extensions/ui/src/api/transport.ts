/**
 * How the components reach the service. Each shell implements it: the portal calls the service directly, the JupyterLab
 * extension calls its notebook server. Paths are relative to the API root and start with a slash.
 */

export interface Asked {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | undefined;
  body?: unknown;
  headers?: Record<string, string> | undefined;
  signal?: AbortSignal | undefined;
}

export interface Transport {
  /** Sends one request. Rejects only if there is no response. */
  fetch(path: string, asked?: Asked): Promise<Response>;
  /** Opens the WebSocket of the page. */
  openStream(): WebSocket;
  /** A URL that the browser can load directly, for images and downloads. */
  href(path: string): string;
}

/** A failed request. `status` is 0 if there was no response. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly field?: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** The message of anything that was thrown. */
export function sentence(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  return error instanceof Error ? error.message : String(error);
}
