/** The client for this page's notebook server, which calls the Outrider service; tokens stay on the server. */

import { ServerConnection } from '@jupyterlab/services';
// A small entry point: the components themselves are loaded lazily.
import { ApiError } from '@outrider/ui/transport';
import type { Asked, Check, FolderLook, Job, Me, Notebook, Submission, Transport } from '@outrider/ui';

export interface Usage {
  cpu?: number | null;
  memory?: number | null;
  memory_limit?: number | null;
  gpus?: GpuUsage[];
}

/** As reported by the sampler; null where the GPU does not report a value. */
export interface GpuUsage {
  index: number;
  name?: string | null;
  utilisation: number | null;
  memory_used: number | null;
  memory_total: number | null;
}

/** The status of this server; if the service is unreachable, `message` says why. */
export interface ServerStatus {
  reachable: boolean;
  message: string | null;
  image: string | null;
  machine: string | null;
  usage: Usage;
  notebook: Notebook | null;
  me: Me | null;
}

export interface Copied {
  path: string;
}

export class Server {
  readonly transport: Transport;

  constructor(private readonly settings: ServerConnection.ISettings) {
    this.transport = {
      fetch: (path, asked) => this.request(`api${path}`, asked),
      openStream: () => this.openStream(),
      href: (path) => `${this.settings.baseUrl}outrider/api${path}`,
    };
  }

  status(): Promise<ServerStatus> {
    return this.json('status');
  }

  keep(): Promise<Notebook> {
    return this.json('keep', { method: 'POST', body: {} });
  }

  /** Describes the folder that a job for `path` would upload. */
  workspace(path: string, signal: AbortSignal): Promise<FolderLook> {
    return this.json(`workspace?path=${encodeURIComponent(path)}`, { signal });
  }

  preflight(wanted: Record<string, unknown>, signal: AbortSignal): Promise<{ items: Check[] }> {
    return this.json('preflight', { method: 'POST', body: wanted, signal });
  }

  /** Submits a job, with the folder of `path` as its workspace. */
  submit(path: string, submission: Partial<Submission>, key: string): Promise<Job> {
    const headers = { 'Idempotency-Key': key };
    return this.json('submit', { method: 'POST', body: { path, submission }, headers });
  }

  /** Copies an artifact into a folder of the file browser. */
  copy(job: string, path: string, folder: string): Promise<Copied> {
    return this.json('copy', { method: 'POST', body: { job, path, folder } });
  }

  private async json<T>(path: string, asked?: Asked): Promise<T> {
    let answer: Response;
    try {
      answer = await this.request(path, asked);
    } catch (error) {
      if (asked?.signal?.aborted === true) throw error;
      throw new ApiError(0, 'Cannot reach this notebook server.');
    }
    if (answer.ok) return (await answer.json()) as T;
    const said = (await answer.json().catch(() => ({}))) as { message?: string; field?: string };
    throw new ApiError(
      answer.status,
      said.message ?? `The server returned HTTP ${String(answer.status)}.`,
      said.field,
    );
  }

  private request(path: string, asked: Asked = {}): Promise<Response> {
    const { method = 'GET', body, headers = {}, signal } = asked;
    const sent: RequestInit = { method, headers, cache: 'no-cache' };
    if (signal !== undefined) sent.signal = signal;
    if (body !== undefined) {
      sent.body = JSON.stringify(body);
      sent.headers = { ...headers, 'Content-Type': 'application/json' };
    }
    return ServerConnection.makeRequest(`${this.settings.baseUrl}outrider/${path}`, sent, this.settings);
  }

  private openStream(): WebSocket {
    const address = new URL(`${this.settings.wsUrl}outrider/stream`);
    // Only outside the Hub, where Jupyter itself puts the server's token into the page.
    if (this.settings.appendToken && this.settings.token !== '')
      address.searchParams.set('token', this.settings.token);
    return new this.settings.WebSocket(address);
  }
}
