/** The timeline tab: the events of a job, and the time spent in each phase. */

import type { ReactElement } from 'react';

import { hasEnded, type Job, type JobEvent } from '../api/types.js';
import { moment, span, timeOfDay } from '../shared/format.js';
import { phases } from './phases.js';
import { useNow, useTimeline } from '../shared/hooks.js';
import { Loading, Problem } from '../shared/basics.js';

export function Timeline({ job }: { job: Job }): ReactElement {
  const { events, ready, error } = useTimeline(job);
  const now = useNow(hasEnded(job) ? null : 1000);
  if (error !== null) return <Problem>{error}</Problem>;
  if (!ready) return <Loading />;
  const first = events[0];
  if (first === undefined) return <p className="or-faint">No events yet.</p>;
  const end = job.finished_at === null ? now : Date.parse(job.finished_at);
  return (
    <div className="or-timeline">
      <Phases events={events} end={end} />
      <ol>
        {events.map((event, i) => (
          <Step key={event.id} event={event} before={events[i - 1]} attempts={job.attempt > 1} />
        ))}
      </ol>
    </div>
  );
}

function Phases({ events, end }: { events: JobEvent[]; end: number }): ReactElement {
  const parts = phases(events, end);
  const whole = parts.reduce((sum, part) => sum + part.ms, 0);
  return (
    <ul className="or-phases" aria-label="Time in each phase">
      {parts.map((part) => (
        <li
          key={part.name}
          className={`or-phase or-phase-${part.name}`}
          style={{ flexGrow: Math.max(part.ms / whole, 0.02) }}
        >
          <span className="or-phase-bar" aria-hidden="true" />
          <span className="or-phase-name">{part.title}</span>{' '}
          <span className="or-faint">{span(part.ms)}</span>
        </li>
      ))}
    </ul>
  );
}

function Step({
  event,
  before,
  attempts,
}: {
  event: JobEvent;
  before: JobEvent | undefined;
  attempts: boolean;
}): ReactElement {
  const time = new Date(event.time);
  const since = before === undefined ? null : time.getTime() - Date.parse(before.time);
  return (
    <li className={`or-step or-step-${event.type}`}>
      <time dateTime={event.time} title={moment(time)}>
        {timeOfDay(time, true)}
      </time>
      <span className="or-step-mark" aria-hidden="true" />
      <span className="or-step-text">
        {event.message}
        {attempts && event.attempt > 0 && <span className="or-faint"> attempt {event.attempt}</span>}
      </span>
      <span className="or-faint or-number">{since === null ? '' : `+ ${span(since)}`}</span>
    </li>
  );
}
