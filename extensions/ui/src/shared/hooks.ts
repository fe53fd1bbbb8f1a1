/** Hooks: loading values, a ticking clock, live jobs and lists. */

import { useQuery } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';

import type { JobQuery } from '../api/client.js';
import { ApiError } from '../api/transport.js';
import type { Job, JobEvent, JobPage } from '../api/types.js';
import { hasEnded } from '../api/types.js';
import { useApi, useStream } from './context.js';

export interface Loaded<T> {
  value: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
  reload: () => void;
}

/**
 * Loads a value, again when `key` changes or `reload` is called. Components with the same key share one request, so a key
 * must identify the value. The last value stays while a newer one loads.
 */
export function useLoaded<T>(key: string, ask: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const { data, error, isFetching, refetch } = useQuery<T, ApiError>({
    queryKey: [key],
    queryFn: async ({ signal }) => {
      try {
        return await ask(signal);
      } catch (thrown) {
        throw thrown instanceof ApiError ? thrown : new ApiError(0, String(thrown));
      }
    },
  });
  const reload = useCallback(() => {
    void refetch();
  }, [refetch]);
  return { value: data, error: error ?? undefined, loading: isFetching, reload };
}

/** The service's time in milliseconds, updated every `everyMs`; null stops the clock. */
export function useNow(everyMs: number | null): number {
  const api = useApi();
  const [now, setNow] = useState(() => api.now());
  useEffect(() => {
    setNow(api.now());
    if (everyMs === null) return;
    const timer = setInterval(() => {
      setNow(api.now());
    }, everyMs);
    return () => {
      clearInterval(timer);
    };
  }, [api, everyMs]);
  return now;
}

/** Calls `look` every `ms` while `on` and the page is visible. */
export function useEvery(ms: number, on: boolean, look: () => void): void {
  useEffect(() => {
    if (!on) return;
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') look();
    }, ms);
    return () => {
      clearInterval(timer);
    };
  }, [ms, on, look]);
}

/** Debounces a value: updates once it has not changed for `ms`. */
export function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => {
      setSettled(value);
    }, ms);
    return () => {
      clearTimeout(timer);
    };
  }, [value, ms]);
  return settled;
}

export interface LiveJob {
  job: Job | undefined;
  error: ApiError | undefined;
  deleted: boolean;
  /** Shows a newer record at once, such as the response to a stop request. */
  set: (job: Job) => void;
}

/** A live job, from a request and from the stream; either alone is enough. */
export function useJob(id: string): LiveJob {
  const api = useApi();
  const stream = useStream();
  const [state, setState] = useState<{ id: string; job?: Job; error?: ApiError; deleted: boolean }>({
    id,
    deleted: false,
  });
  const set = useCallback((job: Job) => {
    setState((old) =>
      old.id === job.id ? { ...old, job: withAttempts(job, old.job), error: undefined } : old,
    );
  }, []);
  useEffect(() => {
    const abort = new AbortController();
    setState({ id, deleted: false });
    const fail = (error: ApiError): void => {
      setState((old) => (old.id === id ? { ...old, error } : old));
    };
    api.job(id, abort.signal).then(set, (thrown: unknown) => {
      if (!abort.signal.aborted && thrown instanceof ApiError) fail(thrown);
    });
    const end = stream.subscribe<'job'>({
      kind: 'job',
      job: id,
      onEvent: (event, data) => {
        if (event === 'job') set(data as Job);
        else if (data.status === 'deleted') setState((old) => ({ ...old, deleted: true }));
      },
      onError: fail,
    });
    return () => {
      abort.abort();
      end();
    };
  }, [api, stream, id, set]);
  const current = state.id === id;
  return {
    job: current ? state.job : undefined,
    error: current ? state.error : undefined,
    deleted: current && state.deleted,
    set,
  };
}

/** Responses to stop and similar requests lack the attempts; keep the known ones. */
function withAttempts(job: Job, before: Job | undefined): Job {
  return job.attempts === null && before !== undefined ? { ...job, attempts: before.attempts } : job;
}

/**
 * Throttles `work` to once per `ms`, and defers it while the page is hidden: on a busy platform, open pages must not all
 * reload their lists at every change.
 */
function paced(ms: number, work: () => void): { call: () => void; stop: () => void } {
  let last = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let missed = false;
  const now = (): void => {
    timer = undefined;
    missed = document.visibilityState !== 'visible';
    if (missed) return;
    last = Date.now();
    work();
  };
  const onVisible = (): void => {
    if (missed) now();
  };
  document.addEventListener('visibilitychange', onVisible);
  return {
    call: () => {
      timer ??= setTimeout(now, Math.max(0, last + ms - Date.now()));
    },
    stop: () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisible);
    },
  };
}

const LIST_PACE_MS = 1_500;

/** A live page of the job list, reloaded when something may have changed. */
export function useJobs(query: JobQuery): Loaded<JobPage> {
  const api = useApi();
  const stream = useStream();
  const loaded = useLoaded(`jobs/${JSON.stringify(query)}`, (signal) => api.jobs(query, signal));
  const { reload } = loaded;
  useEffect(() => {
    let known: number | undefined;
    const pace = paced(LIST_PACE_MS, reload);
    const end = stream.subscribe<'jobs'>({
      kind: 'jobs',
      onEvent: (_, { version }) => {
        // The first message is the baseline; after a reconnect a new version means that changes were missed.
        if (known !== undefined && known !== version) pace.call();
        known = version;
      },
    });
    return () => {
      end();
      pace.stop();
    };
  }, [stream, reload]);
  return loaded;
}

/** The live timeline of a job. */
export function useTimeline(job: Job): { events: JobEvent[]; ready: boolean; error: string | null } {
  const stream = useStream();
  const { id } = job;
  const [state, setState] = useState<{
    id: string;
    events: JobEvent[];
    ready: boolean;
    error: string | null;
  }>({
    id,
    events: [],
    ready: false,
    error: null,
  });
  useEffect(() => {
    let last = 0;
    setState({ id, events: [], ready: false, error: null });
    return stream.subscribe<'events'>({
      kind: 'events',
      job: id,
      after: () => last,
      onEvent: (event, data) => {
        if (event !== 'timeline') {
          setState((old) => ({ ...old, ready: true }));
          return;
        }
        const step = data as JobEvent;
        if (step.id <= last) return;
        last = step.id;
        setState((old) => ({ ...old, events: [...old.events, step], ready: true }));
      },
      onError: (error) => {
        setState((old) => ({ ...old, error: error.message }));
      },
    });
  }, [stream, id]);
  return state;
}

/** The cost of a job at `now`: the record's cost plus the time since it was fetched at `since`. */
export function costNow(job: Job, since: number, now: number): number {
  if (hasEnded(job) || job.started_at === null) return job.cost;
  return job.cost + (Math.max(0, now - since) / 3_600_000) * job.price_per_hour;
}
