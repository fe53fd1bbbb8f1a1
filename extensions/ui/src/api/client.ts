/** The API as typed calls over a transport. Its only state is the clock offset to the service. */

import { ApiError, type Asked, type Transport } from './transport.js';
import type {
  Chart,
  ChartList,
  EventPage,
  FileList,
  ImageList,
  Job,
  JobPage,
  LogPage,
  MachineList,
  Me,
  Notebook,
  NotebookList,
  Preflight,
  Snapshot,
  Status,
  Submission,
} from './types.js';

const TIMEOUT_MS = 30_000;

export interface JobQuery {
  status?: readonly Status[] | undefined;
  owner?: string | undefined;
  project?: string | undefined;
  experiment?: string | undefined;
  tag?: string | undefined;
  q?: string | undefined;
  cursor?: string | undefined;
  limit?: number | undefined;
}

export interface LogQuery {
  after?: number;
  limit?: number;
  tail?: number;
  q?: string;
}

export interface ChartQuery {
  points: number;
  by: 'x' | 'time';
  start: number;
  end: number;
}

type Values = Record<string, string | number | boolean | readonly string[] | undefined>;

/** `?a=1&b=2` without undefined and empty values; lists repeat their name. */
export function queryString(values: Values): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || value === '') continue;
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  }
  const text = query.toString();
  return text ? `?${text}` : '';
}

/** Escapes each part of a path and keeps the slashes. */
export function escapePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

export class Api {
  private offsetMs = 0;

  constructor(readonly transport: Transport) {}

  /** The service's time in milliseconds, so that ages do not depend on this machine's clock. */
  now(): number {
    return Date.now() + this.offsetMs;
  }

  me(signal?: AbortSignal): Promise<Me> {
    return this.json('/me', { signal });
  }

  machines(signal?: AbortSignal): Promise<MachineList> {
    return this.json('/machines', { signal });
  }

  images(signal?: AbortSignal): Promise<ImageList> {
    return this.json('/images', { signal });
  }

  notebooks(signal?: AbortSignal): Promise<NotebookList> {
    return this.json('/notebooks', { signal });
  }

  keepNotebook(server: string): Promise<Notebook> {
    return this.json(`/notebooks/${encodeURIComponent(server || '-')}/keep`, { method: 'POST' });
  }

  jobs(query: JobQuery, signal?: AbortSignal): Promise<JobPage> {
    return this.json(`/jobs${queryString({ ...query })}`, { signal });
  }

  job(id: string, signal?: AbortSignal): Promise<Job> {
    return this.json(jobPath(id), { signal });
  }

  submit(submission: Submission, key: string): Promise<Job> {
    return this.json('/jobs', { method: 'POST', body: submission, headers: { 'Idempotency-Key': key } });
  }

  /** Checks a submission without creating a job. */
  preflight(submission: Submission, signal?: AbortSignal): Promise<Preflight> {
    return this.json('/jobs/preflight', { method: 'POST', body: submission, signal });
  }

  /** The user's snapshot with this content ID, or null if it was never uploaded. */
  async snapshot(id: string, signal?: AbortSignal): Promise<Snapshot | null> {
    try {
      return await this.json<Snapshot>(`/snapshots/${encodeURIComponent(id)}`, { signal });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  }

  stop(id: string): Promise<Job> {
    return this.json(jobPath(id, '/stop'), { method: 'POST' });
  }

  clone(id: string): Promise<Job> {
    return this.json(jobPath(id, '/clone'), { method: 'POST', body: {} });
  }

  async remove(id: string): Promise<void> {
    await this.answer(jobPath(id), { method: 'DELETE' });
  }

  events(id: string, after: number, signal?: AbortSignal): Promise<EventPage> {
    return this.json(jobPath(id, `/events${queryString({ after, limit: 1000 })}`), { signal });
  }

  logs(id: string, query: LogQuery, signal?: AbortSignal): Promise<LogPage> {
    return this.json(jobPath(id, `/logs${queryString({ ...query })}`), { signal });
  }

  /** All charts, with the last value of each series. */
  charts(id: string, signal?: AbortSignal): Promise<ChartList> {
    return this.json(jobPath(id, '/metrics'), { signal });
  }

  /** A range of a chart, downsampled to `points`. */
  chart(id: string, chart: string, query: ChartQuery, signal?: AbortSignal): Promise<Chart> {
    return this.json(jobPath(id, `/metrics/${encodeURIComponent(chart)}${queryString({ ...query })}`), {
      signal,
    });
  }

  artifacts(id: string, path: string, cursor?: string, signal?: AbortSignal): Promise<FileList> {
    return this.json(jobPath(id, `/artifacts${queryString({ path, cursor, limit: 500 })}`), { signal });
  }

  /** The first bytes of an artifact. */
  async artifactHead(id: string, path: string, bytes: number, signal?: AbortSignal): Promise<Uint8Array> {
    const headers = { Range: `bytes=0-${String(bytes - 1)}` };
    const answer = await this.answer(artifactPath(id, path), { headers, signal }, [416]);
    return answer.status === 416 ? new Uint8Array() : new Uint8Array(await answer.arrayBuffer());
  }

  artifactHref(id: string, path: string): string {
    return this.transport.href(artifactPath(id, path));
  }

  /** Any JSON call, for shells with calls of their own. Rejects with ApiError. */
  async json<T>(path: string, asked: Asked): Promise<T> {
    const answer = await this.answer(path, asked);
    return (await answer.json()) as T;
  }

  async answer(path: string, asked: Asked, fine: readonly number[] = []): Promise<Response> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const signal = asked.signal ? AbortSignal.any([asked.signal, timeout]) : timeout;
    let answer: Response;
    try {
      answer = await this.transport.fetch(path, { ...asked, signal });
    } catch (error) {
      if (asked.signal?.aborted) throw error;
      throw new ApiError(
        0,
        timeout.aborted
          ? 'The service did not respond in time. Try again.'
          : 'Cannot reach the service. Check your connection, or try again in a minute.',
      );
    }
    this.learnTime(answer);
    if (answer.ok || fine.includes(answer.status)) return answer;
    throw await problem(answer);
  }

  private learnTime(answer: Response): void {
    const theirs = Date.parse(answer.headers.get('Date') ?? '');
    // The header has a resolution of one second; ignore smaller differences.
    if (Number.isFinite(theirs) && Math.abs(theirs - this.now()) > 2000) this.offsetMs = theirs - Date.now();
  }
}

function jobPath(id: string, rest = ''): string {
  return `/jobs/${encodeURIComponent(id)}${rest}`;
}

function artifactPath(id: string, path: string): string {
  return jobPath(id, `/artifacts/${escapePath(path)}`);
}

async function problem(answer: Response): Promise<ApiError> {
  try {
    const found = (await answer.json()) as { message?: unknown; field?: unknown };
    if (typeof found.message === 'string') {
      return new ApiError(
        answer.status,
        found.message,
        typeof found.field === 'string' ? found.field : undefined,
      );
    }
  } catch {
    // Not JSON: the proxy responds when the service is down.
  }
  const away = [502, 503, 504].includes(answer.status);
  return new ApiError(
    answer.status,
    away ? 'The service is temporarily unavailable.' : `The service returned HTTP ${String(answer.status)}.`,
  );
}
