/** The page of one job, in tabs. Log, charts and artifacts are loaded when they are first opened. */

import { lazy, type ReactElement, Suspense, useEffect, useId, useState } from 'react';

import { hasEnded, type Job } from '../api/types.js';
import { duration, money, moment, pricePerHour, span } from '../shared/format.js';
import { type JobView, type Tab, TABS, useApi, useExtras } from '../shared/context.js';
import { costNow, type LiveJob, useJob, useNow } from '../shared/hooks.js';
import { type JobActions, useJobActions } from './actions.js';
import { ChangeAndRun } from './ChangeAndRun.js';
import {
  Button,
  CopyButton,
  Empty,
  Link,
  Loading,
  Problem,
  ProgressBar,
  StatusBadge,
} from '../shared/basics.js';
import { ConfirmDelete, ConfirmStop } from './confirms.js';
import { FailureCard } from './FailureCard.js';
import { Overview } from './Overview.js';
import { Tabs } from '../shared/Tabs.js';
import { Timeline } from './Timeline.js';

const LogView = lazy(() => import('../log/LogView.js').then((module) => ({ default: module.LogView })));
const ChartsView = lazy(() =>
  import('../charts/ChartsView.js').then((module) => ({ default: module.ChartsView })),
);
const Artifacts = lazy(() =>
  import('../artifacts/Artifacts.js').then((module) => ({ default: module.Artifacts })),
);

const TITLES: Record<Tab, string> = {
  overview: 'Overview',
  log: 'Log',
  charts: 'Charts',
  artifacts: 'Artifacts',
  timeline: 'Timeline',
};

interface Props {
  id: string;
  view: JobView;
  onView: (view: JobView, options?: { replace?: boolean }) => void;
  /** Called after the user deletes the job on this page. */
  onDeleted: () => void;
  /** Called whenever the job changes, so that the shell can update its title or icon. */
  onJob?: (job: Job) => void;
}

export function JobPage({ id, view, onView, onDeleted, onJob }: Props): ReactElement {
  const live = useJob(id);
  useEffect(() => {
    if (live.job) onJob?.(live.job);
  }, [live.job, onJob]);
  const actions = useJobActions();
  if (live.deleted) {
    return (
      <Empty title="This job was deleted.">
        <Link to={{ page: 'jobs' }}>All jobs</Link>
      </Empty>
    );
  }
  if (live.error && live.job === undefined) {
    return (
      <Empty title={live.error.status === 404 ? 'Job not found.' : 'Could not load the job.'}>
        <p>
          {live.error.status === 404
            ? 'It may have been deleted, or you do not have access to it.'
            : live.error.message}
        </p>
        <Link to={{ page: 'jobs' }}>All jobs</Link>
      </Empty>
    );
  }
  if (live.job === undefined) return <Loading />;
  return (
    <Loaded job={live.job} live={live} actions={actions} view={view} onView={onView} onDeleted={onDeleted} />
  );
}

interface LoadedProps extends Omit<Props, 'id' | 'onJob'> {
  job: Job;
  live: LiveJob;
  actions: JobActions;
}

function Loaded({ job, live, actions, view, onView, onDeleted }: LoadedProps): ReactElement {
  const base = useId();
  const items = TABS.map((tab) => ({
    id: tab,
    title: TITLES[tab],
    to: { page: 'job' as const, id: job.id, view: { tab } },
  }));
  return (
    <article className={`or-job or-job-${view.tab}`} aria-labelledby={`${base}-name`}>
      <header className="or-job-head">
        <div className="or-job-title">
          <h1 id={`${base}-name`}>{job.name}</h1>
          <StatusBadge status={job.status} />
          <ProgressBar job={job} />
        </div>
        <Actions job={job} live={live} actions={actions} onDeleted={onDeleted} />
        <Summary job={job} />
      </header>
      <p className="or-said" role="status">
        {actions.said}
      </p>
      {actions.failed !== null && <Problem>{actions.failed}</Problem>}
      <Tabs label="Job details" items={items} current={view.tab} base={base} />
      <div
        className="or-panel"
        role="tabpanel"
        id={`${base}-panel`}
        aria-labelledby={`${base}-tab-${view.tab}`}
        tabIndex={-1}
      >
        <Suspense fallback={<Loading />}>
          <Panel job={job} actions={actions} view={view} onView={onView} />
        </Suspense>
      </div>
    </article>
  );
}

interface PanelProps {
  job: Job;
  actions: JobActions;
  view: JobView;
  onView: Props['onView'];
}

function Panel({ job, actions, view, onView }: PanelProps): ReactElement {
  switch (view.tab) {
    case 'log':
      return <LogView key={job.id} job={job} view={view} onView={onView} />;
    case 'charts':
      return <ChartsView key={job.id} job={job} view={view} onView={onView} />;
    case 'artifacts':
      return <Artifacts key={job.id} job={job} view={view} />;
    case 'timeline':
      return <Timeline key={job.id} job={job} />;
    case 'overview':
      return (
        <>
          {job.status === 'failed' && (
            <FailureCard key={job.id} job={job} actions={actions} onView={onView} />
          )}
          <Overview job={job} />
        </>
      );
  }
}

function Actions({
  job,
  live,
  actions,
  onDeleted,
}: Pick<LoadedProps, 'job' | 'live' | 'actions' | 'onDeleted'>): ReactElement {
  const { openResult } = useExtras();
  const [asking, setAsking] = useState<'stop' | 'delete' | 'change' | null>(null);
  const busy = actions.busy !== null;
  const close = (): void => {
    setAsking(null);
  };
  return (
    <div className="or-job-actions">
      {job.notebook !== null && openResult !== undefined && job.started_at !== null && (
        <Button
          icon="open"
          title="Open the notebook with the output so far"
          onClick={() => {
            openResult(job);
          }}
        >
          Open notebook
        </Button>
      )}
      {!hasEnded(job) && (
        <Button
          icon="stop"
          disabled={busy || job.status === 'stopping'}
          onClick={() => {
            setAsking('stop');
          }}
        >
          Stop
        </Button>
      )}
      <Button
        icon="again"
        disabled={busy}
        title="Submit a new job with the same code, image and parameters"
        onClick={() => {
          void actions.again(job);
        }}
      >
        Run again
      </Button>
      <Button
        disabled={busy}
        title="Edit this job’s settings and submit it as a new job"
        onClick={() => {
          setAsking('change');
        }}
      >
        Edit and run
      </Button>
      <Button
        icon="trash"
        tone="quiet"
        label="Delete"
        disabled={busy}
        onClick={() => {
          setAsking('delete');
        }}
      />
      {asking === 'change' && <ChangeAndRun job={job} onClose={close} />}
      {asking === 'stop' && (
        <ConfirmStop
          jobs={[job]}
          onClose={close}
          onConfirm={() => {
            void actions.stop([job]).then(([stopped]) => {
              if (stopped) live.set(stopped);
            });
          }}
        />
      )}
      {asking === 'delete' && (
        <ConfirmDelete
          jobs={[job]}
          onClose={close}
          onConfirm={() => {
            void actions.remove([job]).then((done) => {
              if (done) onDeleted();
            });
          }}
        />
      )}
    </div>
  );
}

function Summary({ job }: { job: Job }): ReactElement {
  const api = useApi();
  const now = useNow(hasEnded(job) ? null : 1000);
  const [made, setMade] = useState({ job, at: api.now() });
  if (made.job !== job) setMade({ job, at: now });
  return (
    <dl className="or-summary">
      <div>
        <dt>{job.started_at === null ? 'Submitted' : 'Started'}</dt>
        <dd>{moment(new Date(job.started_at ?? job.created_at))}</dd>
      </div>
      <div>
        <dt>{hasEnded(job) ? 'Duration' : 'Running for'}</dt>
        <dd>{ranFor(job, now)}</dd>
      </div>
      <div>
        <dt>Machine</dt>
        <dd>
          {job.machine}
          {job.nodes > 1 && ` × ${String(job.nodes)}`}{' '}
          <span className="or-faint">{pricePerHour(job.price_per_hour)}</span>
        </dd>
      </div>
      <div>
        <dt>{hasEnded(job) ? 'Cost' : 'Cost so far'}</dt>
        <dd>{money(costNow(job, made.at, now))}</dd>
      </div>
      <div>
        <dt>ID</dt>
        <dd className="or-id">
          <code>{job.id}</code>
          <CopyButton text={job.id} what="job ID" />
        </dd>
      </div>
    </dl>
  );
}

function ranFor(job: Job, now: number): string {
  if (job.started_at === null) return '–';
  const start = Date.parse(job.started_at);
  return job.finished_at === null ? duration(now - start) : span(Date.parse(job.finished_at) - start);
}
