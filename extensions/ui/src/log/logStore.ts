/**
 * The log of one job in memory: the line count, new lines as they arrive, and other lines on demand. Holds a bounded
 * number of lines whatever the log's length.
 */

import type { Api } from '../api/client.js';
import type { Stream } from '../api/stream.js';
import { type ApiError, sentence } from '../api/transport.js';
import type { End, LogLine } from '../api/types.js';
import { CHUNK, chunkOf, chunksOf, farthest } from './logWindow.js';

const MOST_CHUNKS = 200;
const RETRY_MS = 2_000;

export class LogStore {
  total = 0;
  /** Whether the line count is known. */
  ready = false;
  ended = false;
  error: string | null = null;
  /** Incremented on every change, for useSyncExternalStore. */
  version = 0;
  private readonly chunks = new Map<number, LogLine[]>();
  private readonly loading = new Set<number>();
  private readonly listeners = new Set<() => void>();
  private readonly abort = new AbortController();
  private unsubscribe: (() => void) | undefined;
  private viewed = 0;
  private announced = false;

  constructor(
    private readonly api: Api,
    private readonly stream: Stream,
    readonly job: string,
  ) {}

  readonly onChange = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getVersion = (): number => this.version;

  /** Loads the end of the log, which users look at first, then subscribes to new lines. */
  async start(): Promise<void> {
    try {
      const page = await this.api.logs(this.job, { tail: CHUNK }, this.abort.signal);
      this.total = Math.max(this.total, page.total);
      this.put(page.items);
      this.ready = true;
      this.error = null;
      this.changed();
      this.follow();
    } catch (error) {
      if (this.abort.signal.aborted) return;
      this.error = sentence(error);
      this.changed();
      setTimeout(() => {
        if (!this.abort.signal.aborted) void this.start();
      }, RETRY_MS);
    }
  }

  stop(): void {
    this.abort.abort();
    this.unsubscribe?.();
    this.listeners.clear();
  }

  line(n: number): LogLine | undefined {
    return this.chunks.get(chunkOf(n))?.[(n - 1) % CHUNK];
  }

  /** Loads the missing lines from `first` to `last`. */
  want(first: number, last: number): void {
    this.viewed = chunkOf(Math.floor((first + last) / 2));
    for (const chunk of chunksOf(first, last)) if (!this.isWhole(chunk, first, last)) void this.load(chunk);
  }

  private isWhole(chunk: number, first: number, last: number): boolean {
    const lines = this.chunks.get(chunk);
    if (lines === undefined) return false;
    const from = Math.max(first, chunk * CHUNK + 1);
    const to = Math.min(last, (chunk + 1) * CHUNK);
    for (let n = from; n <= to; n += 1) if (lines[(n - 1) % CHUNK] === undefined) return false;
    return true;
  }

  private async load(chunk: number): Promise<void> {
    if (this.loading.has(chunk)) return;
    this.loading.add(chunk);
    try {
      const page = await this.api.logs(this.job, { after: chunk * CHUNK, limit: CHUNK }, this.abort.signal);
      this.total = Math.max(this.total, page.total);
      this.put(page.items);
      this.error = null;
      this.loading.delete(chunk);
    } catch (error) {
      if (this.abort.signal.aborted) return;
      this.error = sentence(error);
      // Stay marked as loading for a while, so that rendering the gap does not retry at once.
      setTimeout(() => {
        this.loading.delete(chunk);
        this.changed();
      }, RETRY_MS);
    }
    this.changed();
  }

  private follow(): void {
    this.unsubscribe = this.stream.subscribe<'logs'>({
      kind: 'logs',
      job: this.job,
      after: () => this.total,
      onEvent: (event, data, last) => {
        if (event === 'lines') {
          this.put(data as LogLine[]);
          this.total = Math.max(this.total, last ?? 0);
        } else if ((data as End).status !== 'deleted') {
          this.ended = true;
        }
        this.changed();
      },
      onError: (error: ApiError) => {
        this.error = error.message;
        this.changed();
      },
    });
  }

  private put(lines: readonly LogLine[]): void {
    for (const line of lines) {
      const chunk = chunkOf(line.n);
      let held = this.chunks.get(chunk);
      if (held === undefined) {
        held = [];
        this.chunks.set(chunk, held);
      }
      held[(line.n - 1) % CHUNK] = line;
    }
    const end = chunkOf(Math.max(1, this.total)) + 1;
    for (const chunk of farthest(this.chunks.keys(), this.viewed, end, MOST_CHUNKS))
      this.chunks.delete(chunk);
  }

  /** Notifies listeners at most once per frame: a fast log arrives in many messages. */
  private changed(): void {
    this.version += 1;
    if (this.announced) return;
    this.announced = true;
    requestAnimationFrame(() => {
      this.announced = false;
      for (const listener of this.listeners) listener();
    });
  }
}
