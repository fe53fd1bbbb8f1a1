/** Searches the full log on the service, page by page. */

import { useCallback, useEffect, useState } from 'react';

import { sentence } from '../api/transport.js';
import { useApi } from '../shared/context.js';
import { useSettled } from '../shared/hooks.js';

const PAGE = 500;

export interface LogSearch {
  needle: string;
  setNeedle: (needle: string) => void;
  /** The line of the current match. */
  current: number | undefined;
  /** `3 of 17`, `No matches`, or empty. */
  said: string;
  step: (by: 1 | -1) => void;
}

interface Found {
  needle: string;
  lines: number[];
  /** Where the next page of matches starts; null if all lines were searched. */
  more: number | null;
  searched: number;
  error: string | null;
}

const NONE: Found = { needle: '', lines: [], more: null, searched: 0, error: null };

export function useLogSearch(job: string, total: number): LogSearch {
  const api = useApi();
  const [needle, setNeedle] = useState('');
  const wanted = useSettled(needle.trim(), 250);
  const [found, setFound] = useState<Found>(NONE);
  const [at, setAt] = useState(-1);
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    setAt(-1);
    setFound({ ...NONE, needle: wanted });
    if (wanted === '') return;
    const abort = new AbortController();
    setBusy(true);
    api
      .logs(job, { q: wanted, limit: PAGE }, abort.signal)
      .then(
        (page) => {
          const lines = page.items.map((line) => line.n);
          setFound({ needle: wanted, lines, more: page.next ?? null, searched: page.total, error: null });
          setAt(lines.length > 0 ? 0 : -1);
        },
        (error: unknown) => {
          if (!abort.signal.aborted) setFound({ ...NONE, needle: wanted, error: sentence(error) });
        },
      )
      .finally(() => {
        if (!abort.signal.aborted) setBusy(false);
      });
    return () => {
      abort.abort();
    };
  }, [api, job, wanted]);

  const step = useCallback(
    (by: 1 | -1): void => {
      const next = at + by;
      if (next >= 0 && next < found.lines.length) {
        setAt(next);
        return;
      }
      const after = found.more ?? (total > found.searched ? found.searched : null);
      if (by < 0 || after === null) {
        // Wrap around.
        if (found.lines.length > 0) setAt(by > 0 ? 0 : found.lines.length - 1);
        return;
      }
      setBusy(true);
      api
        .logs(job, { q: found.needle, after, limit: PAGE })
        .then(
          (page) => {
            const lines = [...found.lines, ...page.items.map((line) => line.n)];
            setFound({ ...found, lines, more: page.next ?? null, searched: page.total });
            setAt(next < lines.length ? next : lines.length > 0 ? 0 : -1);
          },
          (error: unknown) => {
            setFound({ ...found, error: sentence(error) });
          },
        )
        .finally(() => {
          setBusy(false);
        });
    },
    [api, job, at, found, total],
  );

  return { needle: wanted, setNeedle, current: found.lines[at], said: words(found, at, busy), step };
}

function words(found: Found, at: number, busy: boolean): string {
  if (found.needle === '') return '';
  if (found.error !== null) return found.error;
  if (found.lines.length === 0) return busy ? 'Searching …' : 'No matches';
  return `${String(at + 1)} of ${String(found.lines.length)}${found.more === null ? '' : '+'}`;
}
