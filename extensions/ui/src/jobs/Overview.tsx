/** The overview tab: command, image, machine, parameters, and the outcome of each attempt. */

import type { ReactElement, ReactNode } from 'react';

import { hasEnded, type Job } from '../api/types.js';
import { duration, moment } from '../shared/format.js';
import { commandLine } from '../submit/submission.js';
import { Glimpse } from './Glimpse.js';
import { Command, Icon, Link, StatusBadge } from '../shared/basics.js';

export function Overview({ job }: { job: Job }): ReactElement {
  return (
    <div className="or-overview">
      <section aria-labelledby="or-what">
        <h2 id="or-what">Command</h2>
        <Command text={commandLine(job)} />
        {job.message && job.status !== 'failed' && <p className="or-message">{job.message}</p>}
        {job.queue_position !== null && (
          <p className="or-message">
            Waiting for a free {job.machine} machine (queue position {job.queue_position}).
          </p>
        )}
        <dl className="or-facts">
          <Fact name="Image">
            <code>{job.image}</code>
            {job.image_digest && <code className="or-faint">{job.image_digest.slice(0, 19)}</code>}
          </Fact>
          <Fact name="Workspace">{workspace(job)}</Fact>
          {job.ports.length > 0 && (
            <Fact name="Ports">
              {job.ports.map((port) =>
                hasEnded(job) ? (
                  <span key={port.port}>{port.port}</span>
                ) : (
                  <a key={port.port} href={port.url} target="_blank" rel="noreferrer">
                    {port.port} <Icon name="open" />
                    <span className="or-hidden">(opens in a new tab)</span>
                  </a>
                ),
              )}
            </Fact>
          )}
          {Object.keys(job.inputs).length > 0 && (
            <Fact name="Inputs">
              {Object.entries(job.inputs).map(([name, id]) => (
                <span key={name}>
                  /inputs/{name} from <Link to={{ page: 'job', id, view: { tab: 'artifacts' } }}>{id}</Link>
                </span>
              ))}
            </Fact>
          )}
          {job.exit_code !== null && <Fact name="Exit code">{job.exit_code}</Fact>}
          {job.timeout_s !== null && <Fact name="Timeout">{duration(job.timeout_s * 1000)}</Fact>}
          {job.retries > 0 && <Fact name="Retries">{job.retries}</Fact>}
          {job.priority !== 0 && <Fact name="Priority">{job.priority}</Fact>}
          {job.project && <Fact name="Project">{job.project}</Fact>}
          {job.experiment && <Fact name="Experiment">{job.experiment}</Fact>}
          {job.tags.length > 0 && <Fact name="Tags">{job.tags.join(', ')}</Fact>}
          <Fact name="Owner">
            {job.owner}
            {job.group && `, billed to ${job.group}`}
          </Fact>
          <Fact name="Submitted">{moment(new Date(job.created_at))}</Fact>
          {job.parent_id && (
            <Fact name="Rerun of">
              <Link to={{ page: 'job', id: job.parent_id }}>{job.parent_id}</Link>
            </Fact>
          )}
        </dl>
      </section>
      <section aria-labelledby="or-with">
        <Glimpse key={job.id} job={job} />
        <h2 id="or-with">Parameters</h2>
        <Values values={job.params} none="None" />
        {(Object.keys(job.env).length > 0 || job.secrets.length > 0) && (
          <>
            <h2>Environment</h2>
            <Values
              values={{ ...job.env, ...Object.fromEntries(job.secrets.map((name) => [name, '••••••'])) }}
              none=""
            />
          </>
        )}
        {(job.attempts?.length ?? 0) > 1 && <Attempts job={job} />}
      </section>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }): ReactElement {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Values({ values, none }: { values: Record<string, unknown>; none: string }): ReactElement {
  const entries = Object.entries(values);
  if (entries.length === 0) return <p className="or-faint">{none}</p>;
  return (
    <table className="or-table or-values">
      <tbody>
        {entries.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">
              <code>{name}</code>
            </th>
            <td>
              <code>{typeof value === 'string' ? value : JSON.stringify(value)}</code>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Attempts({ job }: { job: Job }): ReactElement {
  return (
    <>
      <h2>Attempts</h2>
      <table className="or-table">
        <thead>
          <tr>
            <th className="or-number">Attempt</th>
            <th>Status</th>
            <th className="or-number">Exit code</th>
            <th>Reason</th>
          </tr>
        </thead>
        <tbody>
          {job.attempts?.map((attempt) => (
            <tr key={attempt.number}>
              <td className="or-number">{attempt.number}</td>
              <td>
                <StatusBadge status={attempt.status} />
              </td>
              <td className="or-number">{attempt.exit_code}</td>
              <td>{attempt.message}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function workspace({ workspace }: Job): ReactNode {
  const text = (name: string): string => (typeof workspace[name] === 'string' ? workspace[name] : '');
  switch (workspace.type) {
    case 'git':
      return (
        <>
          <span>{text('url')}</span>
          <code className="or-faint">{(text('commit') || text('ref')).slice(0, 12)}</code>
        </>
      );
    case 'snapshot':
      return (
        <>
          <span>Uploaded files</span> <code className="or-faint">{text('id').slice(0, 19)}</code>
        </>
      );
    default:
      return 'None';
  }
}
