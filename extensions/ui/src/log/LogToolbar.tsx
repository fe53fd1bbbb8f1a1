/** The log toolbar: search, timestamps, follow, download. */

import { type KeyboardEvent, type ReactElement, useEffect, useRef, useState } from 'react';

import { sentence } from '../api/transport.js';
import { hasEnded, type Job } from '../api/types.js';
import { plainText } from '../shared/ansi.js';
import { count } from '../shared/format.js';
import { useApi } from '../shared/context.js';
import type { LogStore } from './logStore.js';
import { Button, Icon } from '../shared/basics.js';
import type { LogSearch } from './logSearch.js';

const PIECE = 10_000;

interface Props {
  job: Job;
  store: LogStore;
  search: LogSearch;
  times: boolean;
  onTimes: (on: boolean) => void;
  following: boolean;
  onFollow: (on: boolean) => void;
}

export function LogToolbar({ job, store, search, times, onTimes, following, onFollow }: Props): ReactElement {
  const input = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState('');
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === 'Enter') {
      event.preventDefault();
      search.step(event.shiftKey ? -1 : 1);
    }
  };
  return (
    <div className="or-toolbar">
      <label className="or-search">
        <Icon name="search" />
        <span className="or-hidden">Search log</span>
        <input
          ref={input}
          type="search"
          placeholder="Search log"
          maxLength={200}
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            search.setNeedle(event.target.value);
          }}
          onKeyDown={onKeyDown}
        />
      </label>
      <Button
        tone="quiet"
        icon="up"
        label="Previous match"
        disabled={search.current === undefined}
        onClick={() => {
          search.step(-1);
        }}
      />
      <Button
        tone="quiet"
        icon="down"
        label="Next match"
        disabled={search.current === undefined}
        onClick={() => {
          search.step(1);
        }}
      />
      <span className="or-faint or-log-said" role="status">
        {search.said}
      </span>
      <span className="or-spring" />
      <span className="or-faint or-log-count">{store.ready ? `${count(store.total)} lines` : ''}</span>
      <Button
        icon="clock"
        aria-pressed={times}
        onClick={() => {
          onTimes(!times);
        }}
      >
        Timestamps
      </Button>
      {!hasEnded(job) && (
        <Button
          icon="follow"
          aria-pressed={following}
          onClick={() => {
            onFollow(!following);
          }}
        >
          Follow
        </Button>
      )}
      <Download job={job} total={store.total} />
    </div>
  );
}

/** Downloads the full log page by page into a blob, which browsers keep out of memory. */
function Download({ job, total }: { job: Job; total: number }): ReactElement {
  const api = useApi();
  const [done, setDone] = useState<number | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const start = async (): Promise<void> => {
    const control = new AbortController();
    abort.current = control;
    setFailed(null);
    let blob = new Blob([]);
    try {
      let after = 0;
      while (after < total) {
        setDone(after);
        const page = await api.logs(job.id, { after, limit: PIECE }, control.signal);
        const last = page.items[page.items.length - 1];
        if (last === undefined) break;
        blob = new Blob([blob, page.items.map((line) => `${line.time} ${plainText(line.text)}\n`).join('')]);
        after = last.n;
      }
      save(blob, `${job.id}.log`);
    } catch (error) {
      if (!control.signal.aborted) setFailed(sentence(error));
    }
    setDone(null);
  };
  if (done !== null) {
    return (
      <Button
        icon="close"
        onClick={() => {
          abort.current?.abort();
        }}
      >
        {String(Math.floor((100 * done) / Math.max(1, total)))} %
      </Button>
    );
  }
  return (
    <Button
      icon="download"
      disabled={total === 0}
      title={failed ?? 'Download the full log as a text file'}
      onClick={() => {
        void start();
      }}
    >
      {failed === null ? 'Download' : 'Download failed'}
    </Button>
  );
}

function save(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(address);
  }, 60_000);
}
