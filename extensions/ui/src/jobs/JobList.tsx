/** The live job list: filtered and paged by the service, with actions on one or more jobs. */

import { type ReactElement, useEffect, useState } from 'react';

import type { JobQuery } from '../api/client.js';
import { ACTIVE, hasEnded, type Job, type Status } from '../api/types.js';
import { count } from '../shared/format.js';
import { useApi, useNavigation } from '../shared/context.js';
import { useJobs, useNow } from '../shared/hooks.js';
import { useJobActions } from './actions.js';
import { ChangeAndRun } from './ChangeAndRun.js';
import { Button, Command, Empty, Problem } from '../shared/basics.js';
import { ConfirmDelete, ConfirmStop } from './confirms.js';
import { JobFilters, NARROWED } from './JobFilters.js';
import { JobRow } from './JobRow.js';
import type { ListView } from './listView.js';

interface Props {
  view: ListView;
  onView: (view: ListView, options?: { replace?: boolean }) => void;
  /** Show the owner column: the list may contain jobs of several users. */
  owners?: boolean;
}

const PAGE = 25;
function statuses(show: ListView['show']): readonly Status[] | undefined {
  if (show === undefined) return undefined;
  return show === 'active' ? ACTIVE : [show];
}

function queryOf({ show, ...rest }: ListView): JobQuery {
  return { ...rest, status: statuses(show), limit: PAGE };
}

export function JobList({ view, onView, owners = false }: Props): ReactElement {
  const { value, error, loading, reload } = useJobs(queryOf(view));
  // Keep the old rows, dimmed, while another page or filter loads, so that the layout does not jump.
  const [held, setHeld] = useState(value);
  if (value !== undefined && value !== held) setHeld(value);
  const page = value ?? held;
  const jobs = page?.items ?? [];
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const selected = jobs.filter((job) => chosen.has(job.id));
  const api = useApi();
  const actions = useJobActions();
  const now = useNow(jobs.some((job) => !hasEnded(job)) ? 1000 : 30_000);
  const [fresh, setFresh] = useState(now);
  useEffect(() => {
    setFresh(api.now());
  }, [api, page]);
  const choose = (ids: readonly string[], on: boolean): void => {
    setChosen((old) => {
      const next = new Set(old);
      for (const id of ids)
        if (on) next.add(id);
        else next.delete(id);
      return next;
    });
  };
  const [asking, setAsking] = useState<{ what: 'stop' | 'delete'; jobs: Job[] } | null>(null);
  const close = (): void => {
    setAsking(null);
  };
  const clear = (): void => {
    setChosen(new Set());
    reload();
  };
  const narrow = (filter: Partial<ListView>): void => {
    onView({ ...view, ...filter, cursor: undefined });
  };
  const filtered = view.show !== undefined || Boolean(view.q) || NARROWED.some((name) => view[name]);
  return (
    <section className="or-joblist" aria-label="Jobs" aria-busy={loading}>
      <JobFilters view={view} onView={onView} />
      <p className="or-said" role="status">
        {actions.said}
      </p>
      {actions.failed !== null && <Problem>{actions.failed}</Problem>}
      {error && <Problem onRetry={reload}>{error.message}</Problem>}
      {page !== undefined && jobs.length === 0 && !loading && (
        <Nothing
          filtered={filtered}
          onAll={() => {
            onView({});
          }}
        />
      )}
      {page === undefined && loading && <Skeleton />}
      {jobs.length > 0 && (
        <table className={`or-table or-jobs ${value === undefined ? 'or-dim' : ''}`}>
          <thead>
            <tr>
              <th className="or-col-check">
                <input
                  type="checkbox"
                  aria-label="Select all jobs on this page"
                  checked={selected.length === jobs.length}
                  ref={(box) => {
                    if (box) box.indeterminate = selected.length > 0 && selected.length < jobs.length;
                  }}
                  onChange={(event) => {
                    choose(
                      jobs.map((job) => job.id),
                      event.target.checked,
                    );
                  }}
                />
              </th>
              <th>Status</th>
              <th>Name</th>
              {owners && <th>Owner</th>}
              <th>Machine</th>
              <th>Submitted</th>
              <th className="or-number">Duration</th>
              <th className="or-number">Cost</th>
              <th>
                <span className="or-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {jobs.map((job) => (
              <JobRow
                key={job.id}
                job={job}
                now={now}
                fresh={fresh}
                owners={owners}
                chosen={chosen.has(job.id)}
                onChoose={(on) => {
                  choose([job.id], on);
                }}
                onNarrow={narrow}
                onStop={() => {
                  setAsking({ what: 'stop', jobs: [job] });
                }}
              />
            ))}
          </tbody>
        </table>
      )}
      {selected.length > 0 && (
        <Several
          jobs={selected}
          busy={actions.busy !== null}
          onAgain={(some) => {
            void actions.againAll(some).then(clear);
          }}
          onStop={(some) => {
            setAsking({ what: 'stop', jobs: some });
          }}
          onDelete={(some) => {
            setAsking({ what: 'delete', jobs: some });
          }}
          onClear={clear}
        />
      )}
      {asking?.what === 'stop' && (
        <ConfirmStop
          jobs={asking.jobs}
          onClose={close}
          onConfirm={() => {
            void actions.stop(asking.jobs).then(clear);
          }}
        />
      )}
      {asking?.what === 'delete' && (
        <ConfirmDelete
          jobs={asking.jobs}
          onClose={close}
          onConfirm={() => {
            void actions.remove(asking.jobs).then(clear);
          }}
        />
      )}
      <Pager view={view} next={page?.next ?? undefined} onView={onView} />
    </section>
  );
}

interface SeveralProps {
  jobs: Job[];
  busy: boolean;
  onAgain: (jobs: Job[]) => void;
  onStop: (jobs: Job[]) => void;
  onDelete: (jobs: Job[]) => void;
  onClear: () => void;
}

function Several({ jobs, busy, onAgain, onStop, onDelete, onClear }: SeveralProps): ReactElement {
  const active = jobs.filter((job) => !hasEnded(job));
  const navigation = useNavigation();
  const [changing, setChanging] = useState(false);
  const [only] = jobs;
  return (
    <div className="or-several" role="region" aria-label="Selected jobs">
      <span>{count(jobs.length)} selected</span>
      {jobs.length > 1 && (
        <Button
          icon="chart"
          onClick={() => {
            navigation.go({ page: 'compare', ids: jobs.map((job) => job.id) });
          }}
        >
          Compare
        </Button>
      )}
      <Button
        icon="again"
        disabled={busy}
        onClick={() => {
          onAgain(jobs);
        }}
      >
        Run again
      </Button>
      {jobs.length === 1 && (
        <Button
          disabled={busy}
          onClick={() => {
            setChanging(true);
          }}
        >
          Edit and run
        </Button>
      )}
      <Button
        icon="stop"
        disabled={active.length === 0 || busy}
        onClick={() => {
          onStop(active);
        }}
      >
        Stop
      </Button>
      <Button
        icon="trash"
        tone="danger"
        disabled={busy}
        onClick={() => {
          onDelete(jobs);
        }}
      >
        Delete
      </Button>
      <Button tone="quiet" onClick={onClear}>
        Clear selection
      </Button>
      {changing && only !== undefined && (
        <ChangeAndRun
          job={only}
          onClose={() => {
            setChanging(false);
          }}
        />
      )}
    </div>
  );
}

function Pager({
  view,
  next,
  onView,
}: Pick<Props, 'view' | 'onView'> & { next: string | undefined }): ReactElement | null {
  const [before, setBefore] = useState<(string | undefined)[]>([]);
  if (view.cursor === undefined && next === undefined) return null;
  return (
    <nav className="or-pager" aria-label="Pages">
      <Button
        disabled={view.cursor === undefined}
        onClick={() => {
          setBefore(before.slice(0, -1));
          onView({ ...view, cursor: before[before.length - 1] });
        }}
      >
        {view.cursor !== undefined && before.length === 0 ? 'Newest' : 'Newer'}
      </Button>
      <Button
        disabled={next === undefined}
        onClick={() => {
          setBefore([...before, view.cursor]);
          onView({ ...view, cursor: next });
        }}
      >
        Older
      </Button>
    </nav>
  );
}

function Nothing({ filtered, onAll }: { filtered: boolean; onAll: () => void }): ReactElement {
  if (filtered) {
    return (
      <Empty title="No jobs match these filters.">
        <Button onClick={onAll}>Show all jobs</Button>
      </Empty>
    );
  }
  return (
    <Empty title="No jobs yet.">
      <p>Run your first job from a terminal, in your project directory:</p>
      <Command text="outrider run -- python train.py" />
    </Empty>
  );
}

/** As tall as a page of jobs, so that the layout does not jump when they arrive. */
function Skeleton(): ReactElement {
  return (
    <div className="or-skeleton" aria-hidden="true">
      {Array.from({ length: 8 }, (_, i) => (
        <div key={i} />
      ))}
    </div>
  );
}
