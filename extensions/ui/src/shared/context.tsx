/** What every component may use: the API, the stream, and the shell's way from one page to another. */

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

/** Which part of a job is shown. `line` is in the log, or of a point in the charts; `path` is among the artifacts. */
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

/** The shell's: an address for each target (to open elsewhere, to copy), and the way there. */
export interface Navigation {
  href(target: Target): string;
  go(target: Target, options?: { replace?: boolean }): void;
}

/** What a shell can do besides showing; each is offered where it is there. */
export interface Extras {
  /** For the form of a new job. */
  submit?: SubmitShell;
  /** Opens an artifact beside the job, in whatever the shell has for such files. */
  openArtifact?: (job: Job, path: string) => Promise<void>;
  /** Copies an artifact to where the user keeps files, and says where that was. */
  copyArtifact?: (job: Job, path: string) => Promise<string>;
  /** Opens the notebook that a job has run, or is running. */
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

/** Answers that several components share. What is on the machine itself answers without a network, too. */
function newAnswers(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { retry: false, networkMode: 'always', refetchOnWindowFocus: false, gcTime: KEPT_MS },
    },
  });
}

/** What all trees of components on a page share: the API client, the stream and the answers. */
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

/** Around every tree of components. Give them all the same transport, and one that stays. */
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
