/** The context of all components: API, stream, and the shell's navigation. */

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import {
  createContext,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useSyncExternalStore,
} from 'react';

import { Api } from '../api/client.js';
import { type ConnectionState, Stream } from '../api/stream.js';
import type { Transport } from '../api/transport.js';
import type { Job } from '../api/types.js';
import type { SubmitShell } from './shell.js';

export const TABS = ['overview', 'log', 'charts', 'artifacts', 'timeline'] as const;
export type Tab = (typeof TABS)[number];

/** The visible part of a job page. `line` is a log line, or the line of a chart point; `path` is an artifact. */
export interface JobView {
  tab: Tab;
  line?: number | undefined;
  chart?: string | undefined;
  path?: string | undefined;
}

export type Target =
  | { page: 'jobs'; query?: Record<string, string> }
  | { page: 'job'; id: string; view?: JobView }
  | { page: 'compare'; ids: readonly string[] };

/** Implemented by the shell: the URL of each target, and navigation to it. */
export interface Navigation {
  href(target: Target): string;
  go(target: Target, options?: { replace?: boolean }): void;
}

/** Optional features of a shell; their buttons appear only if they are set. */
export interface Extras {
  /** Used by the submit form. */
  submit?: SubmitShell;
  /** Opens an artifact in the shell's own viewer. */
  openArtifact?: (job: Job, path: string) => Promise<void>;
  /** Copies an artifact to the user's files; resolves to the new path. */
  copyArtifact?: (job: Job, path: string) => Promise<string>;
  /** Opens the notebook that a job executes. */
  openResult?: (job: Job) => void;
}

interface Outrider {
  api: Api;
  stream: Stream;
  answers: QueryClient;
  navigation: Navigation;
  extras: Extras;
}

const Context = createContext<Outrider | null>(null);

interface ProviderProps {
  transport: Transport;
  navigation: Navigation;
  extras?: Extras;
  children: ReactNode;
}

const NONE: Extras = {};

type Parts = Pick<Outrider, 'api' | 'stream' | 'answers'>;

const known = new WeakMap<Transport, Parts>();

const KEPT_MS = 60_000;

/** The query cache. Its network mode is "always", since the service may run on this very machine. */
function newAnswers(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { retry: false, networkMode: 'always', refetchOnWindowFocus: false, gcTime: KEPT_MS },
    },
  });
}

/** The API client, stream and cache, shared by all component trees of a page. */
function partsOf(transport: Transport): Parts {
  let parts = known.get(transport);
  if (parts === undefined) {
    const api = new Api(transport);
    const stream = new Stream(
      () => transport.openStream(),
      () => api.me(),
    );
    parts = { api, stream, answers: newAnswers() };
    known.set(transport, parts);
  }
  return parts;
}

/** Wraps every component tree. All of them must get the same, stable transport. */
export function OutriderProvider({
  transport,
  navigation,
  extras = NONE,
  children,
}: ProviderProps): ReactElement {
  const parts = useMemo(() => partsOf(transport), [transport]);
  useEffect(() => {
    const { wake } = parts.stream;
    const onVisible = (): void => {
      if (document.visibilityState === 'visible') wake();
    };
    window.addEventListener('online', wake);
    document.addEventListener('visibilitychange', onVisible);
    return () => {
      window.removeEventListener('online', wake);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, [parts]);
  const value = useMemo(() => ({ ...parts, navigation, extras }), [parts, navigation, extras]);
  return (
    <QueryClientProvider client={parts.answers}>
      <Context.Provider value={value}>{children}</Context.Provider>
    </QueryClientProvider>
  );
}

function useOutrider(): Outrider {
  const found = useContext(Context);
  if (found === null) throw new Error('Outrider components must be rendered inside an <OutriderProvider>');
  return found;
}

export function useApi(): Api {
  return useOutrider().api;
}

export function useStream(): Stream {
  return useOutrider().stream;
}

export function useExtras(): Extras {
  return useOutrider().extras;
}

export function useNavigation(): Navigation {
  return useOutrider().navigation;
}

export function useConnection(): ConnectionState {
  const { stream } = useOutrider();
  return useSyncExternalStore(stream.onState, () => stream.state);
}
