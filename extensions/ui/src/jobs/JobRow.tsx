/** One row of the job list. */

import type { ReactElement } from 'react';

import { hasEnded, type Job } from '../api/types.js';
import { age, duration, moment, money, span } from '../shared/format.js';
import { costNow } from '../shared/hooks.js';
import { Button, Link, ProgressBar, StatusBadge } from '../shared/basics.js';
import type { ListView } from './listView.js';

interface Props {
  job: Job;
  now: number;
  /** When the record was fetched, in milliseconds; running costs grow from here. */
  fresh: number;
  owners: boolean;
  chosen: boolean;
  onChoose: (on: boolean) => void;
  onNarrow: (filter: Partial<ListView>) => void;
  onStop: () => void;
}

export function JobRow({ job, now, fresh, owners, chosen, onChoose, onNarrow, onStop }: Props): ReactElement {
  const submitted = new Date(job.created_at);
  const labels = [
    ...(job.project ? [['project', job.project] as const] : []),
    ...(job.experiment ? [['experiment', job.experiment] as const] : []),
    ...job.tags.map((tag) => ['tag', tag] as const),
  ];
  return (
    <tr className={chosen ? 'or-chosen' : undefined}>
      <td className="or-col-check">
        <input
          type="checkbox"
          aria-label={`Select ${job.name}`}
          checked={chosen}
          onChange={(event) => {
            onChoose(event.target.checked);
          }}
        />
      </td>
      <td className="or-col-status">
        <StatusBadge status={job.status} />
        {job.queue_position !== null && <span className="or-faint">queue position {job.queue_position}</span>}
        <ProgressBar job={job} />
      </td>
      <td className="or-col-name">
        <Link to={{ page: 'job', id: job.id }} className="or-rowlink">
          {job.name}
        </Link>
        <span className="or-labels">
          {labels.map(([kind, text]) => (
            <button
              key={`${kind}/${text}`}
              type="button"
              className="or-chip"
              title={`Show only ${kind} ${text}`}
              onClick={() => {
                onNarrow({ [kind]: text });
              }}
            >
              {text}
            </button>
          ))}
        </span>
      </td>
      {owners && (
        <td className="or-col-owner">
          <button
            type="button"
            className="or-chip"
            title={`Show only jobs owned by ${job.owner}`}
            onClick={() => {
              onNarrow({ owner: job.owner });
            }}
          >
            {job.owner}
          </button>
        </td>
      )}
      <td className="or-col-machine">{job.machine}</td>
      <td className="or-col-age" title={moment(submitted)}>
        {age(now - submitted.getTime())} ago
      </td>
      <td className="or-number or-col-ran">{ranFor(job, now)}</td>
      <td className="or-number or-col-cost">{money(costNow(job, fresh, now))}</td>
      <td className="or-col-actions">
        {!hasEnded(job) && (
          <Button
            tone="quiet"
            icon="stop"
            label={`Stop ${job.name}`}
            disabled={job.status === 'stopping'}
            onClick={onStop}
          />
        )}
      </td>
    </tr>
  );
}

function ranFor(job: Job, now: number): string {
  if (job.started_at === null) return '';
  const start = Date.parse(job.started_at);
  return job.finished_at === null ? duration(now - start) : span(Date.parse(job.finished_at) - start);
}
