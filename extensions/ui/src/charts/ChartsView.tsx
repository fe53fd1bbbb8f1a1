/** The charts tab: metrics that the job printed, and system metrics. */

import { type ReactElement, useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react';

import { hasEnded, type Job } from '../api/types.js';
import { Empty, Loading, Problem } from '../shared/basics.js';
import { ChartStore } from './chartStore.js';
import { type JobView, useStream } from '../shared/context.js';
import { ChartBoard } from './ChartBoard.js';
import { contextOf, inOrder } from './model.js';

interface Props {
  job: Job;
  view: JobView;
  onView: (view: JobView, options?: { replace?: boolean }) => void;
}

function useChartStore(job: string): ChartStore {
  const stream = useStream();
  const [store, setStore] = useState(() => new ChartStore(stream, job));
  useEffect(() => {
    const fresh = new ChartStore(stream, job);
    setStore(fresh);
    fresh.start();
    return () => {
      fresh.stop();
    };
  }, [stream, job]);
  useSyncExternalStore(store.onChange, store.getVersion);
  return store;
}

export function ChartsView({ job, view, onView }: Props): ReactElement {
  const store = useChartStore(job.id);
  const charts = useMemo(
    () => inOrder(store.charts.values()).filter((chart) => chart.series.size > 0),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the store changes in place; its version says when
    [store, store.version],
  );
  const started = firstStart(job);
  const context = useMemo(() => contextOf(charts, started), [charts, started]);
  const onLine = useCallback(
    (line: number) => {
      onView({ tab: 'log', line });
    },
    [onView],
  );

  if (store.error !== null) return <Problem>{store.error}</Problem>;
  if (charts.length === 0) {
    if (!store.ready) return <Loading />;
    return (
      <Empty title={hasEnded(job) ? 'This job has no charts.' : 'No charts yet.'}>
        <p>To plot a point, print a line like this one:</p>
        <pre className="or-example">{'{"chart": "loss", "y": 0.31, "x": 20}'}</pre>
      </Empty>
    );
  }
  return (
    <ChartBoard
      job={job.id}
      charts={charts}
      context={context}
      shown={
        view.chart !== undefined && view.line !== undefined ? { chart: view.chart, line: view.line } : null
      }
      onLine={onLine}
    />
  );
}

/** When the job first started, in Unix seconds. */
export function firstStart(job: Job): number | null {
  const first = job.attempts?.[0]?.started_at ?? job.started_at;
  return first === null ? null : Date.parse(first) / 1000;
}
