/** The shared components, wrapped for Lab. Heavy, so import it only dynamically. */

import {
  Compare,
  type Extras,
  type Job,
  JobList,
  JobPage,
  type JobView,
  type ListView,
  type Navigation,
  OutriderProvider,
  Problem,
  ProgressBar,
  StatusBadge,
  Link,
  useConnection,
  useJob,
} from '@outrider/ui';
import '@outrider/ui/style/index.css';
import { type ReactElement, type ReactNode, useEffect, useMemo } from 'react';

import { Command, type Lab } from './lab.js';
import { checker } from './submit.js';

interface Shown {
  lab: Lab;
  navigation: Navigation;
}

interface FrameProps extends Shown {
  className: string;
  children: ReactNode;
}

function Frame({ lab, navigation, className, children }: FrameProps): ReactElement {
  const extras = useMemo((): Extras => {
    const place = (job: Job, path: string): { job: string; path: string } => ({ job: job.id, path });
    return {
      submit: { check: checker(lab, null) },
      openArtifact: async (job, path) => {
        await lab.app.commands.execute(Command.artifact, place(job, path));
      },
      copyArtifact: async (job, path) =>
        String(await lab.app.commands.execute(Command.copy, place(job, path))),
      openResult: (job) => {
        lab.execute(Command.result, { id: job.id });
      },
    };
  }, [lab]);
  return (
    <OutriderProvider transport={lab.server.transport} navigation={navigation} extras={extras}>
      <div className={`outrider jp-Outrider ${className}`}>
        <Connection />
        {children}
      </div>
    </OutriderProvider>
  );
}

function Connection(): ReactElement | null {
  const state = useConnection();
  if (state === 'refused')
    return <Problem>Your session has expired. Reload the page to log in again.</Problem>;
  if (state !== 'lost') return null;
  return <Problem>Connection lost. Reconnecting …</Problem>;
}

interface JobProps extends Shown {
  id: string;
  view: JobView;
  onView: (view: JobView) => void;
  onJob: (job: Job) => void;
  onDeleted: () => void;
}

export function JobTab({ lab, navigation, ...rest }: JobProps): ReactElement {
  return (
    <Frame lab={lab} navigation={navigation} className="jp-Outrider-job">
      <JobPage {...rest} />
    </Frame>
  );
}

interface JobsProps extends Shown {
  view: ListView;
  onView: (view: ListView) => void;
}

export function JobsPanel({ lab, navigation, view, onView }: JobsProps): ReactElement {
  return (
    <Frame lab={lab} navigation={navigation} className="jp-Outrider-jobs">
      <JobList view={view} onView={onView} />
    </Frame>
  );
}

export function Compared({ lab, navigation, ids }: Shown & { ids: readonly string[] }): ReactElement {
  return (
    <Frame lab={lab} navigation={navigation} className="jp-Outrider-job">
      <Compare ids={ids} />
    </Frame>
  );
}

interface HeadProps extends Shown {
  id: string;
  onJob: (job: Job) => void;
}

/** The header above an executed notebook: job, status and progress. */
export function ResultHead({ lab, navigation, id, onJob }: HeadProps): ReactElement {
  return (
    <Frame lab={lab} navigation={navigation} className="jp-Outrider-head">
      <Head id={id} onJob={onJob} />
    </Frame>
  );
}

function Head({ id, onJob }: Omit<HeadProps, keyof Shown>): ReactElement | null {
  const { job, error } = useJob(id);
  useEffect(() => {
    if (job) onJob(job);
  }, [job, onJob]);
  if (error) return <Problem>{error.message}</Problem>;
  if (job === undefined) return null;
  return (
    <p>
      <Link to={{ page: 'job', id }}>{job.name}</Link> <StatusBadge status={job.status} />{' '}
      <ProgressBar job={job} />
    </p>
  );
}
