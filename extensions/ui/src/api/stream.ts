/**
 * One WebSocket per page that carries all subscriptions: opened with the first, closed some time after the last. After a
 * lost connection it reconnects, and each subscription resumes where it stopped.
 */

import { ApiError } from './transport.js';
import type { StreamEvents } from './types.js';

export type Kind = keyof StreamEvents;
export type ConnectionState = 'idle' | 'connecting' | 'open' | 'lost' | 'refused';

export interface Subscription<K extends Kind> {
  kind: K;
  job?: string | undefined;
  /** The last known log line or event, where a (re)subscription starts. */
  after?: () => number;
  /** Called at each (re)subscription, before its first event. */
  onStart?: () => void;
  onEvent: <E extends keyof StreamEvents[K]>(event: E, data: StreamEvents[K][E], last?: number) => void;
  onError?: (error: ApiError) => void;
}

interface Message {
  id: number;
  event: string;
  data: unknown;
  last?: number;
}

const LINGER_MS = 5_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** Exponential backoff with jitter before the given attempt (1, 2, …), in milliseconds. */
export function pause(tries: number, random: () => number = Math.random): number {
  const most = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1));
  return most * (0.5 + random() / 2);
}

export class Stream {
  private socket: WebSocket | null = null;
  private readonly subscriptions = new Map<number, Subscription<Kind>>();
  private readonly listeners = new Set<() => void>();
  private current: ConnectionState = 'idle';
  private nextId = 1;
  private tries = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private linger: ReturnType<typeof setTimeout> | undefined;

  /** `probe` is called when the socket fails: if it rejects with 401 or 403, the stream stops reconnecting. */
  constructor(
    private readonly open: () => WebSocket,
    private readonly probe: () => Promise<unknown>,
  ) {}

  get state(): ConnectionState {
    return this.current;
  }

  readonly onState = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Returns a function that unsubscribes. */
  subscribe<K extends Kind>(subscription: Subscription<K>): () => void {
    const id = this.nextId++;
    this.subscriptions.set(id, subscription as unknown as Subscription<Kind>);
    clearTimeout(this.linger);
    if (this.socket === null) this.connect();
    else if (this.socket.readyState === WebSocket.OPEN) this.send(id);
    return () => {
      if (!this.subscriptions.delete(id)) return;
      if (this.socket?.readyState === WebSocket.OPEN)
        this.socket.send(JSON.stringify({ id, unsubscribe: true }));
      this.closeSoon();
    };
  }

  /** Reconnects immediately, when the machine wakes up or the network returns. */
  readonly wake = (): void => {
    if (this.current !== 'lost' || this.subscriptions.size === 0) return;
    this.tries = 0;
    this.connect();
  };

  private connect(): void {
    clearTimeout(this.retry);
    if (this.current === 'refused') return;
    this.set(this.tries === 0 ? 'connecting' : 'lost');
    const socket = this.open();
    this.socket = socket;
    socket.onopen = () => {
      this.tries = 0;
      this.set('open');
      for (const id of this.subscriptions.keys()) this.send(id);
    };
    socket.onmessage = (message: MessageEvent<string>) => {
      this.receive(JSON.parse(message.data) as Message);
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = null;
      if (this.subscriptions.size === 0) this.set('idle');
      else this.tryAgain();
    };
  }

  private tryAgain(): void {
    this.tries += 1;
    this.set('lost');
    this.retry = setTimeout(() => {
      void this.mayTry().then((may) => {
        if (!may) this.set('refused');
        else if (this.socket === null && this.subscriptions.size > 0) this.connect();
      });
    }, pause(this.tries));
  }

  private async mayTry(): Promise<boolean> {
    try {
      await this.probe();
      return true;
    } catch (error) {
      return !(error instanceof ApiError && [401, 403].includes(error.status));
    }
  }

  private send(id: number): void {
    const wanted = this.subscriptions.get(id);
    if (wanted === undefined) return;
    wanted.onStart?.();
    const after = wanted.after?.() ?? 0;
    this.socket?.send(JSON.stringify({ id, subscribe: wanted.kind, job: wanted.job, after }));
  }

  private receive({ id, event, data, last }: Message): void {
    const wanted = this.subscriptions.get(id);
    if (wanted === undefined) return;
    if (event === 'error') {
      const { status, message } = data as { status: number; message: string };
      this.subscriptions.delete(id);
      wanted.onError?.(new ApiError(status, message));
      return;
    }
    // No events follow an end, so do not resubscribe after a reconnect.
    if (event === 'end') this.subscriptions.delete(id);
    wanted.onEvent(event as never, data as never, last);
    if (event === 'end') this.closeSoon();
  }

  private closeSoon(): void {
    if (this.subscriptions.size > 0) return;
    clearTimeout(this.linger);
    this.linger = setTimeout(() => {
      if (this.subscriptions.size > 0) return;
      clearTimeout(this.retry);
      this.socket?.close();
      this.socket = null;
      this.set('idle');
    }, LINGER_MS);
  }

  private set(state: ConnectionState): void {
    if (this.current === state) return;
    this.current = state;
    for (const listener of this.listeners) listener();
  }
}
