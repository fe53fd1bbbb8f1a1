/** Compares jobs: status, the parameters that differ, and their charts overlaid. */

import { lazy, type ReactElement, Suspense } from 'react';

import type { Job } from '../api/types.js';
import { useApi } from '../shared/context.js';
import { useEvery, useLoaded } from '../shared/hooks.js';
import { Empty, Link, Loading, Problem, StatusBadge } from '../shared/basics.js';

const CompareCharts = lazy(() =>
  import('../charts/CompareCharts.js').then((module) => ({ default: module.CompareCharts })),
);
const LOOK_MS = 5_000;
const MOST = 20;

export function Compare({ ids }: { ids: readonly string[] }): ReactElement {
  const api = useApi();
  const shown = ids.slice(0, MOST);
  const jobs = useLoaded(`records/${shown.join()}`, (signal) =>
    Promise.all(shown.map((id) => api.job(id, signal))),
  );
  useEvery(LOOK_MS, jobs.value !== undefined, jobs.reload);
  if (shown.length === 0) return <Empty title="Select jobs in the list to compare them." />;
  if (jobs.error && jobs.value === undefined)
    return <Problem onRetry={jobs.reload}>{jobs.error.message}</Problem>;
  if (jobs.value === undefined) return <Loading />;
  return (
    <article className="or-job or-compare" aria-label="Job comparison">
      <h1>
        Comparing {shown.length}
        {ids.length > MOST && ` of ${String(ids.length)}`} jobs
      </h1>
      <Differences jobs={jobs.value} />
      <Suspense fallback={<Loading />}>
        <CompareCharts jobs={jobs.value} />
      </Suspense>
    </article>
  );
}

/** One row per job and one column per parameter that differs. */
function Differences({ jobs }: { jobs: readonly Job[] }): ReactElement {
  const written = (job: Job, name: string): string => {
    const value = job.params[name];
    return value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
  };
  const names = [...new Set(jobs.flatMap((job) => Object.keys(job.params)))];
  const differing = names.filter((name) => new Set(jobs.map((job) => written(job, name))).size > 1);
  return (
    // Focusable, so that the keyboard can scroll it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="or-scroll" tabIndex={0} role="region" aria-label="Differences">
      <table className="or-table">
        <thead>
          <tr>
            <th>Job</th>
            <th>Status</th>
            <th>Machine</th>
            {differing.map((name) => (
              <th key={name}>
                <code>{name}</code>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {jobs.map((job) => (
            <tr key={job.id}>
              <td>
                <Link to={{ page: 'job', id: job.id }}>{job.name}</Link>
              </td>
              <td>
                <StatusBadge status={job.status} />
              </td>
              <td>{job.machine}</td>
              {differing.map((name) => (
                <td key={name} className="or-number">
                  <code>{written(job, name)}</code>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
