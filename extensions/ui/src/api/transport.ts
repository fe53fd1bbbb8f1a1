/**
 * How the components reach the service. Each shell brings its own: the portal asks the service itself, the notebook
 * extension asks its own server. Addresses are paths below the API's root and begin with a slash.
 */

export interface Asked {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | undefined;
  body?: unknown;
  headers?: Record<string, string> | undefined;
  signal?: AbortSignal | undefined;
}

export interface Transport {
  /** One request. Rejects only when there is no answer at all. */
  fetch(path: string, asked?: Asked): Promise<Response>;
  /** Opens the socket that carries every subscription of the page. */
  openStream(): WebSocket;
  /** An address for images and downloads, which the browser asks for by itself. */
  href(path: string): string;
}

/** An answer that is not the one hoped for. `status` 0: no answer came. */
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

/** A sentence for a person about anything that was thrown. */
export function sentence(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  return error instanceof Error ? error.message : String(error);
}
