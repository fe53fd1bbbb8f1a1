/** All charts of a job, on one axis: what the job printed, and what the platform measured. */

import {
  type ReactElement,
  useCallback,
  useEffect,
  useId,
  useMemo,
  useState,
  useSyncExternalStore,
} from 'react';

import { hasEnded, type Job } from '../api/types.js';
import { Button, Empty, Icon, Loading, Problem } from '../components/basics.js';
import type { Axis } from '../core/axis.js';
import { chartTitle } from '../core/units.js';
import { ChartStore, type ChartData } from '../state/chartStore.js';
import { type JobView, useStream } from '../state/context.js';
import { ChartCard } from './ChartCard.js';
import { contextOf, inOrder, labelOf, type Settings } from './model.js';

interface Props {
  job: Job;
  view: JobView;
  onView: (view: JobView, options?: { replace?: boolean }) => void;
}

const MANY = 8;

export function useChartStore(job: string): ChartStore {
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
  const sync = useId();
  const [asked, setAsked] = useState<Axis | null>(null);
  const [smoothing, setSmoothing] = useState(0);
  const [log, setLog] = useState(false);
  const [range, setRange] = useState<[number, number] | null>(null);
  const [filter, setFilter] = useState('');

  const started = firstStart(job);
  const charts = useMemo(
    () => inOrder(store.charts.values()).filter((chart) => chart.series.size > 0),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the store changes in place; its version says when
    [store, store.version],
  );
  const context = useMemo(() => contextOf(charts, started), [charts, started]);
  const axis: Axis = context.course === null ? 'time' : (asked ?? 'step');
  const settings: Settings = useMemo(() => ({ axis, smoothing, log, range }), [axis, smoothing, log, range]);
  const colourOf = useColours(charts);
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
        <p>A printed line such as this one becomes a point of a chart:</p>
        <pre className="or-example">{'{"chart": "loss", "y": 0.31, "x": 20}'}</pre>
      </Empty>
    );
  }
  const wanted = filter.trim().toLowerCase();
  const shown = charts.filter((chart) => chartTitle(chart.chart).toLowerCase().includes(wanted));
  const group = (system: boolean): ChartData[] => shown.filter((chart) => chart.system === system);
  return (
    <div className="or-charts">
      <div className="or-toolbar">
        <AxisChoice
          axis={axis}
          steps={context.course !== null}
          onAxis={(next) => {
            setAsked(next);
            setRange(null);
          }}
        />
        <label className="or-slider">
          Smoothing
          <input
            type="range"
            min={0}
            max={0.99}
            step={0.01}
            value={smoothing}
            onChange={(event) => {
              setSmoothing(Number(event.target.value));
            }}
          />
          <output className="or-number">{smoothing.toFixed(2)}</output>
        </label>
        <Button
          aria-pressed={log}
          onClick={() => {
            setLog(!log);
          }}
        >
          Log scale
        </Button>
        <Button
          disabled={range === null}
          onClick={() => {
            setRange(null);
          }}
        >
          Whole range
        </Button>
        <span className="or-spring" />
        {charts.length > MANY && (
          <label className="or-search">
            <Icon name="search" />
            <span className="or-hidden">Charts whose name contains</span>
            <input
              type="search"
              placeholder="Filter the charts"
              value={filter}
              onChange={(event) => {
                setFilter(event.target.value);
              }}
            />
          </label>
        )}
      </div>
      {[false, true].map((system) => {
        const members = group(system);
        if (members.length === 0) return null;
        return (
          <section
            key={String(system)}
            aria-label={system ? 'Measured by the platform' : 'Printed by the job'}
          >
            <h2>{system ? 'System' : 'Charts'}</h2>
            <div className="or-grid">
              {members.map((chart) => (
                <ChartCard
                  key={chart.chart}
                  job={job.id}
                  chart={chart}
                  version={chart.version}
                  settings={settings}
                  context={context}
                  sync={sync}
                  colourOf={colourOf}
                  line={view.chart === chart.chart ? view.line : undefined}
                  onRange={setRange}
                  onLine={onLine}
                />
              ))}
            </div>
          </section>
        );
      })}
    </div>
  );
}

interface AxisProps {
  axis: Axis;
  steps: boolean;
  onAxis: (axis: Axis) => void;
}

function AxisChoice({ axis, steps, onAxis }: AxisProps): ReactElement {
  return (
    <div className="or-choices" role="group" aria-label="Horizontal axis">
      <button
        type="button"
        aria-pressed={axis === 'step'}
        disabled={!steps}
        title={steps ? undefined : 'The job has printed no points'}
        onClick={() => {
          onAxis('step');
        }}
      >
        Step
      </button>
      <button
        type="button"
        aria-pressed={axis === 'time'}
        onClick={() => {
          onAxis('time');
        }}
      >
        Time
      </button>
    </div>
  );
}

/** The same name has the same colour in every chart. */
function useColours(charts: readonly ChartData[]): (label: string) => number {
  const labels = charts
    .flatMap((chart) => {
      const all = [...chart.series.values()];
      return all.map((series) => labelOf(series, all));
    })
    .join('\n');
  return useMemo(() => {
    const names = [...new Set(labels.split('\n'))].filter((name) => name !== '');
    return (label: string) => Math.max(0, names.indexOf(label));
  }, [labels]);
}

function firstStart(job: Job): number | null {
  const first = job.attempts?.[0]?.started_at ?? job.started_at;
  return first === null ? null : Date.parse(first) / 1000;
}
