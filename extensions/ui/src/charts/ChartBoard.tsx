/** The charts of one or more jobs, with shared settings: axis, smoothing, scale and zoom. */

import { type ReactElement, useId, useMemo, useState } from 'react';

import { Button, Icon } from '../shared/basics.js';
import type { Axis } from './axis.js';
import { chartTitle } from '../shared/units.js';
import type { ChartData } from './chartStore.js';
import { ChartCard } from './ChartCard.js';
import { type Context, labelOf, type Settings } from './model.js';

interface Props {
  /** The job; null when several are compared. */
  job: string | null;
  charts: ChartData[];
  context: Context;
  /** A log line whose point is to be pinned. */
  shown: { chart: string; line: number } | null;
  /** Opens the log line that printed a point of the series with this key. */
  onLine: (line: number, key: string) => void;
}

const MANY = 8;

export function ChartBoard({ job, charts, context, shown, onLine }: Props): ReactElement {
  const sync = useId();
  const [asked, setAsked] = useState<Axis | null>(null);
  const [smoothing, setSmoothing] = useState(0);
  const [log, setLog] = useState(false);
  const [range, setRange] = useState<[number, number] | null>(null);
  const [filter, setFilter] = useState('');
  const axis: Axis = context.course === null ? 'time' : (asked ?? 'step');
  const settings: Settings = useMemo(() => ({ axis, smoothing, log, range }), [axis, smoothing, log, range]);
  const colourOf = useColours(charts);
  const wanted = filter.trim().toLowerCase();
  const fitting = charts.filter((chart) => chartTitle(chart.chart).toLowerCase().includes(wanted));
  const group = (system: boolean): ChartData[] => fitting.filter((chart) => chart.system === system);
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
          Reset zoom
        </Button>
        <span className="or-spring" />
        {charts.length > MANY && (
          <label className="or-search">
            <Icon name="search" />
            <span className="or-hidden">Filter charts by name</span>
            <input
              type="search"
              placeholder="Filter charts"
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
          <section key={String(system)} aria-label={system ? 'System metrics' : 'Job metrics'}>
            <h2>{system ? 'System' : 'Charts'}</h2>
            <div className="or-grid">
              {members.map((chart) => (
                <ChartCard
                  key={chart.chart}
                  job={job}
                  chart={chart}
                  version={chart.version}
                  settings={settings}
                  context={context}
                  sync={sync}
                  colourOf={colourOf}
                  line={shown?.chart === chart.chart ? shown.line : undefined}
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
    <div className="or-choices" role="group" aria-label="X axis">
      <button
        type="button"
        aria-pressed={axis === 'step'}
        disabled={!steps}
        title={steps ? undefined : 'The job has not reported any metrics'}
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

/** Gives each series name the same colour in every chart. */
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
