/** The usage page: hours and cost by a chosen dimension, a daily chart, and a CSV export. */

import { Empty, Icon, Loading, money, Problem, useApi, useLoaded } from '@outrider/ui';
import { type ReactElement, useId } from 'react';
import { useLocation } from 'wouter';

import { Budgets } from '../Allowance.js';
import { clockTime } from '../days.js';
import { Choice, usePlatform } from '../forms.js';
import { USAGE_READ_ALL, type UsageReport } from '../platform.js';
import { usageAddress, type UsageView } from '../routes.js';
import { Days } from './Days.js';

const BY = [
  ['machine', 'Machine type'],
  ['project', 'Project'],
  ['user', 'User'],
  ['group', 'Group'],
  ['kind', 'Type'],
  ['day', 'Day'],
] as const;

export function Usage({ view }: { view: UsageView }): ReactElement {
  const api = useApi();
  const platform = usePlatform();
  const [, go] = useLocation();
  const me = useLoaded('me', (signal) => api.me(signal));
  const everybody = me.value?.scopes.includes(USAGE_READ_ALL) === true;
  const range = { since: view.since, until: view.until, all: view.all };
  const key = JSON.stringify(view);
  const sums = useLoaded(`sums ${key}`, (signal) => platform.usage({ ...range, by: [view.by] }, signal));
  const days = useLoaded(`days ${JSON.stringify(range)}`, (signal) =>
    platform.usage({ ...range, by: ['day'] }, signal),
  );
  const show = (change: Partial<UsageView>): void => {
    go(usageAddress({ ...view, ...change }));
  };
  const error = sums.error ?? days.error;
  return (
    <>
      <header className="portal-title">
        <h1>Usage</h1>
        <span className="or-spring" />
        <a
          className="or-button or-button-plain"
          href={platform.usageHref({ ...range, by: [view.by, 'day'] })}
          download
        >
          <Icon name="download" />
          Download CSV
        </a>
      </header>
      <div className="portal-filters">
        <Choice
          label="Group by"
          name="by"
          options={BY}
          value={view.by}
          onChange={(by) => {
            show({ by });
          }}
        />
        <Day
          label="From"
          value={view.since ?? sums.value?.since}
          onChange={(since) => {
            show({ since });
          }}
        />
        <Day
          label="To"
          value={view.until ?? sums.value?.until}
          onChange={(until) => {
            show({ until });
          }}
        />
        {everybody && (
          <label className="portal-check">
            <input
              type="checkbox"
              checked={view.all}
              onChange={(event) => {
                show({ all: event.target.checked });
              }}
            />
            All users
          </label>
        )}
      </div>
      <section className="portal-keeps" aria-label="Budgets">
        <Budgets budgets={me.value?.budgets.filter((one) => one.budget !== null) ?? []} />
      </section>
      {error && <Problem onRetry={sums.reload}>{error.message}</Problem>}
      {sums.value === undefined && !error && <Loading />}
      {days.value && days.value.items.length > 0 && <Days report={days.value} />}
      {sums.value && <Sums report={sums.value} by={view.by} />}
    </>
  );
}

function Day({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}): ReactElement {
  const id = useId();
  return (
    <div className="portal-field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="date"
        value={value ?? ''}
        onChange={(event) => {
          onChange(event.target.value || undefined);
        }}
      />
    </div>
  );
}

function Sums({ report, by }: { report: UsageReport; by: string }): ReactElement {
  if (report.items.length === 0) return <Empty title="No usage in this period." />;
  const name = BY.find(([key]) => key === by)?.[1] ?? by;
  return (
    <table className="or-table">
      <thead>
        <tr>
          <th>{name}</th>
          <th className="or-number">Hours</th>
          <th className="or-number">GPU hours</th>
          <th className="or-number">Cost</th>
        </tr>
      </thead>
      <tbody>
        {report.items.map((row) => (
          <tr key={row.keys[by] ?? ''}>
            <td>{row.keys[by] === '' ? <span className="or-faint">none</span> : row.keys[by]}</td>
            <td className="or-number">{clockTime(row.hours)}</td>
            <td className="or-number">{row.gpu_hours ? clockTime(row.gpu_hours) : ''}</td>
            <td className="or-number">{money(row.cost)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">Total</th>
          <td className="or-number">{clockTime(report.total.hours)}</td>
          <td className="or-number">{report.total.gpu_hours ? clockTime(report.total.gpu_hours) : ''}</td>
          <td className="or-number">{money(report.total.cost)}</td>
        </tr>
      </tfoot>
    </table>
  );
}
