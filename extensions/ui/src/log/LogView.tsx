/** The log tab: a live log of any length, of which only the visible lines are rendered. */

import { type ReactElement, useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';

import { hasEnded, type Job } from '../api/types.js';
import { centred, clampTop, type Geometry, isAtEnd, revealing } from './logWindow.js';
import { type JobView, useApi, useStream } from '../shared/context.js';
import { LogStore } from './logStore.js';
import { Loading, Problem } from '../shared/basics.js';
import { LineDetail } from './LogLines.js';
import { LogScroller } from './LogScroller.js';
import { LogToolbar } from './LogToolbar.js';
import { useLogSearch } from './logSearch.js';

const LINE_HEIGHT = 20;

interface Props {
  job: Job;
  view: JobView;
  onView: (view: JobView, options?: { replace?: boolean }) => void;
}

function useLogStore(job: string): LogStore {
  const api = useApi();
  const stream = useStream();
  const [store, setStore] = useState(() => new LogStore(api, stream, job));
  useEffect(() => {
    const fresh = new LogStore(api, stream, job);
    setStore(fresh);
    void fresh.start();
    return () => {
      fresh.stop();
    };
  }, [api, stream, job]);
  useSyncExternalStore(store.onChange, store.getVersion);
  return store;
}

export function LogView({ job, view, onView }: Props): ReactElement {
  const store = useLogStore(job.id);
  const [times, setTimes] = useState(false);
  const [following, setFollowing] = useState(view.line === undefined);
  const [top, setTop] = useState(0);
  const [viewport, setViewport] = useState(0);
  const search = useLogSearch(job.id, store.total);
  const geometry: Geometry = { lines: store.total, lineHeight: LINE_HEIGHT, viewport };
  const shown = following ? clampTop(geometry, Infinity) : clampTop(geometry, top);

  const move = useCallback(
    (to: number) => {
      setTop(to);
      // Scrolling up pauses following; scrolling back to the end of a running job resumes it.
      setFollowing(isAtEnd(geometry, to) && !hasEnded(job));
    },
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the parts of geometry and of the job that count
    [geometry.lines, geometry.viewport, job.status],
  );

  // Scroll to the line in the URL once its position is known.
  const shownLine = useRef<number | undefined>(undefined);
  const placed = store.ready && viewport > 0;
  useEffect(() => {
    if (!placed || view.line === undefined || view.line === shownLine.current) return;
    shownLine.current = view.line;
    setFollowing(false);
    setTop(centred({ lines: store.total, lineHeight: LINE_HEIGHT, viewport }, view.line));
  }, [placed, view.line, store.total, viewport]);

  const found = search.current;
  useEffect(() => {
    if (found === undefined) return;
    setFollowing(false);
    setTop((old) => {
      const now = { lines: store.total, lineHeight: LINE_HEIGHT, viewport };
      return revealing(now, old, found) === old ? old : centred(now, found);
    });
    // eslint-disable-next-line react-hooks/exhaustive-deps -- only a newly found line moves the view
  }, [found]);

  // Selecting a line pauses following, so that it stays in view.
  const hold = useRef<() => void>(() => undefined);
  useEffect(() => {
    hold.current = () => {
      if (following) setTop(shown);
      setFollowing(false);
    };
  });
  const choose = useCallback(
    (n: number | undefined) => {
      shownLine.current = n;
      if (n !== undefined) hold.current();
      onView({ tab: 'log', line: n }, { replace: true });
    },
    [onView],
  );
  const chosen = view.line === undefined ? undefined : store.line(view.line);

  return (
    <section className="or-log" aria-label="Log">
      <LogToolbar
        job={job}
        store={store}
        search={search}
        times={times}
        onTimes={setTimes}
        following={following}
        onFollow={(on) => {
          if (!on) setTop(shown);
          setFollowing(on);
        }}
      />
      {store.error !== null && <Problem>{store.error}</Problem>}
      {!store.ready && store.error === null && <Loading />}
      {store.ready && store.total === 0 && (
        <p className="or-faint or-log-none">
          {hasEnded(job) ? 'No output.' : 'No output yet. New lines appear here.'}
        </p>
      )}
      <LogScroller
        store={store}
        geometry={geometry}
        top={shown}
        onMove={move}
        onViewport={setViewport}
        times={times}
        attempts={job.attempt > 1}
        nodes={job.nodes > 1}
        needle={search.needle}
        found={found}
        chosen={view.line}
        onChoose={choose}
      />
      {chosen !== undefined && (
        <LineDetail
          line={chosen}
          onChart={(chart) => {
            onView({ tab: 'charts', chart, line: chosen.n });
          }}
          onClose={() => {
            choose(undefined);
          }}
        />
      )}
    </section>
  );
}
