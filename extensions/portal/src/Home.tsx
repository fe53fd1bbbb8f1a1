/** The home page: running and recent jobs, notebooks, costs, budgets and available machines. */

import {
  RUNNING,
  ENDED,
  type Job,
  Button,
  bytes,
  Command,
  duration,
  Empty,
  howManyFree,
  Link,
  Loading,
  type Machine,
  moment,
  money,
  type Notebook,
  pricePerHour,
  Problem,
  ProgressBar,
  StatusBadge,
  useApi,
  useEvery,
  useJobs,
  useLoaded,
  useNow,
} from '@outrider/ui';
import { age } from '@outrider/ui';
import { type ReactElement, useEffect, useRef, useState } from 'react';

import { Link as WouterLink } from 'wouter';

import { usePlatform } from './forms.js';
import { Budgets, Keeps } from './Allowance.js';
import { Notes } from './Notes.js';
import { HUB, USER } from './place.js';

const RECENT = 8;
const LOOK_MS = 30_000;

export function Home(): ReactElement {
  const api = useApi();
  const platform = usePlatform();
  const me = useLoaded('me', (signal) => api.me(signal));
  // Filter by owner: for an admin the unfiltered list contains all users' jobs.
  const active = useJobs({ status: RUNNING, owner: USER || undefined, limit: 50 });
  const queued = useJobs({ status: ['pending'], owner: USER || undefined, limit: RECENT });
  const recent = useJobs({ status: ENDED, owner: USER || undefined, limit: RECENT });
  const holdings = useLoaded('holdings', (signal) => platform.holdings(signal));
  const notebooks = useLoaded('notebooks', (signal) => api.notebooks(signal));
  const machines = useLoaded('machines', (signal) => api.machines(signal));
  const now = useNow(1000);
  const { reload: reloadMe } = me;
  const { reload: reloadMachines } = machines;
  const { reload: reloadNotebooks } = notebooks;
  const before = useRef(active.value);
  useEffect(() => {
    // A change of the running jobs changes cost and availability. The first response is not a change.
    if (before.current !== undefined && before.current !== active.value) {
      reloadMe();
      reloadMachines();
    }
    before.current = active.value;
  }, [active.value, reloadMe, reloadMachines]);
  useEvery(LOOK_MS, true, reloadNotebooks);
  const error = me.error ?? active.error ?? queued.error ?? recent.error;
  const running = active.value?.items ?? [];
  const waiting = queued.value?.items ?? [];
  const known = notebooks.value?.items ?? [];
  const servers = known.filter((one) => one.ready || one.pending);
  const stopped = known.filter((one) => !servers.includes(one) && one.stopped_at !== null);
  return (
    <div className="portal-home">
      <h1 className="or-hidden">Home</h1>
      <dl className="portal-figures">
        <Figure name="Running jobs" value={me.value && String(me.value.usage.running)} />
        <Figure name="Waiting jobs" value={me.value && String(me.value.usage.pending)} />
        <Figure name="Running notebooks" value={notebooks.value && String(servers.length)} />
        <Figure name="Current cost per hour" value={me.value && money(me.value.usage.price_per_hour)} />
      </dl>
      {error && <Problem onRetry={me.reload}>{error.message}</Problem>}
      <Notes notes={me.value?.notes ?? []} />
      <div className="portal-columns">
        <div>
          {running.length > 0 && (
            <Section title="Running">
              <Jobs jobs={running} now={now} />
            </Section>
          )}
          {waiting.length > 0 && (
            <Section
              title="Waiting"
              more={<Link to={{ page: 'jobs', query: { show: 'active' } }}>All active jobs</Link>}
            >
              <Jobs jobs={waiting} now={now} />
            </Section>
          )}
          <Section title="Recent jobs" more={<Link to={{ page: 'jobs' }}>All jobs</Link>}>
            {!recent.value && !error && <Loading />}
            {recent.value?.items.length === 0 && running.length + waiting.length > 0 ? (
              <p className="or-faint">No finished jobs yet.</p>
            ) : recent.value?.items.length === 0 ? (
              <Empty title="No jobs yet.">
                <p>Run your first job from a terminal, in your project directory:</p>
                <Command text="outrider run -- python train.py" />
              </Empty>
            ) : (
              <Jobs jobs={recent.value?.items ?? []} now={now} />
            )}
          </Section>
        </div>
        <div>
          <Section title="Notebooks" more={<a href={`${HUB}home`}>Manage notebooks</a>}>
            {notebooks.error && <Problem onRetry={notebooks.reload}>{notebooks.error.message}</Problem>}
            {notebooks.value && servers.length === 0 && <p className="or-faint">No notebooks are running.</p>}
            {servers.map((one) => (
              <Server key={one.server} notebook={one} now={now} onChange={notebooks.reload} />
            ))}
            {stopped.map((one) => (
              <Stopped key={one.server} notebook={one} now={now} />
            ))}
          </Section>
          <Section title="This month" more={<WouterLink href="/usage">Usage</WouterLink>}>
            <Budgets budgets={me.value?.budgets ?? []} />
            {holdings.error && <Problem onRetry={holdings.reload}>{holdings.error.message}</Problem>}
            <Keeps holdings={holdings.value?.items ?? []} />
          </Section>
          <Section title="Machines">
            {machines.error && <Problem onRetry={machines.reload}>{machines.error.message}</Problem>}
            <Machines machines={machines.value?.items ?? []} />
          </Section>
        </div>
      </div>
    </div>
  );
}

function Section({
  title,
  more,
  children,
}: {
  title: string;
  more?: ReactElement;
  children: React.ReactNode;
}): ReactElement {
  return (
    <section className="portal-section" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {more}
      </header>
      {children}
    </section>
  );
}

function Figure({ name, value }: { name: string; value: string | undefined }): ReactElement {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value ?? ' '}</dd>
    </div>
  );
}

function Jobs({ jobs, now }: { jobs: Job[]; now: number }): ReactElement {
  return (
    <ul className="portal-jobs">
      {jobs.map((job) => (
        <li key={job.id}>
          <StatusBadge status={job.status} />
          <Link to={{ page: 'job', id: job.id }} className="or-rowlink">
            {job.name}
          </Link>
          <ProgressBar job={job} />
          <span className="or-faint or-number">{when(job, now)}</span>
        </li>
      ))}
    </ul>
  );
}

function when(job: Job, now: number): string {
  if (job.finished_at !== null) return `${age(now - Date.parse(job.finished_at))} ago`;
  return duration(now - Date.parse(job.started_at ?? job.created_at));
}

function Server({
  notebook,
  now,
  onChange,
}: {
  notebook: Notebook;
  now: number;
  onChange: () => void;
}): ReactElement {
  const api = useApi();
  const [failed, setFailed] = useState<string | null>(null);
  const name = notebook.server || 'Default notebook';
  const left = notebook.stops_at === null ? null : Date.parse(notebook.stops_at) - now;
  return (
    <div className="portal-server">
      <p>
        <a href={notebook.url}>{name}</a>
        <span className="or-faint">
          {notebook.machine ?? ''} · {pricePerHour(notebook.price_per_hour)}
        </span>
      </p>
      {left !== null && (
        <p className="or-faint">
          Stops in {duration(left)} if idle{' '}
          <Button
            tone="quiet"
            onClick={() => {
              api.keepNotebook(notebook.server).then(onChange, (error: unknown) => {
                setFailed(String(error instanceof Error ? error.message : error));
              });
            }}
          >
            Keep running
          </Button>
        </p>
      )}
      {failed !== null && <Problem>{failed}</Problem>}
    </div>
  );
}

/** URL of the Hub's spawn page for this server. */
function startAddress(server: string): string {
  const page = `${HUB}spawn/${encodeURIComponent(USER)}`;
  return server === '' ? page : `${page}/${encodeURIComponent(server)}`;
}

/** A stopped notebook: when and why it stopped, and a link to start it again. */
function Stopped({ notebook, now }: { notebook: Notebook; now: number }): ReactElement {
  const when = Date.parse(notebook.stopped_at ?? '');
  return (
    <div className="portal-server">
      <p>
        <a href={startAddress(notebook.server)} title="Start again">
          {notebook.server || 'Default notebook'}
        </a>
        <time className="or-faint" dateTime={notebook.stopped_at ?? undefined} title={moment(new Date(when))}>
          stopped {age(now - when)} ago
        </time>
      </p>
      {notebook.stop_reason !== null && <p className="or-faint">{notebook.stop_reason}</p>}
    </div>
  );
}

function Machines({ machines }: { machines: Machine[] }): ReactElement {
  return (
    <table className="or-table">
      <thead>
        <tr>
          <th>Type</th>
          <th className="or-number">CPU</th>
          <th className="or-number">Memory</th>
          <th className="or-number">Price</th>
          <th className="or-number">Free</th>
        </tr>
      </thead>
      <tbody>
        {machines.map((machine) => (
          <tr key={machine.name}>
            <td title={machine.description}>
              {machine.title}
              {machine.gpu > 0 && (
                <span className="or-faint">
                  {' '}
                  {machine.gpu} × {machine.gpu_model ?? 'GPU'}
                </span>
              )}
            </td>
            <td className="or-number">{machine.cpu}</td>
            <td className="or-number">{bytes(machine.memory_mb * 2 ** 20)}</td>
            <td className="or-number">{pricePerHour(machine.price_per_hour)}</td>
            <td className="or-number">{howManyFree(machine)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
