/** Why a job failed: the service's message, the relevant log lines, a suggestion, and buttons to run it again. */

import type { ReactElement } from 'react';

import type { Job } from '../api/types.js';
import { headline, largerMachine, relevantLines, suggestion } from './failure.js';
import { bytes } from '../shared/format.js';
import { type JobView, useApi } from '../shared/context.js';
import { useLoaded } from '../shared/hooks.js';
import type { JobActions } from './actions.js';
import { Button, Icon } from '../shared/basics.js';

const TAIL = 200;

interface Props {
  job: Job;
  actions: JobActions;
  onView: (view: JobView) => void;
}

export function FailureCard({ job, actions, onView }: Props): ReactElement {
  const api = useApi();
  const log = useLoaded(`failure/${job.id}/${String(job.attempt)}`, (signal) =>
    api.logs(job.id, { tail: TAIL }, signal),
  );
  const lines = relevantLines(log.value?.items ?? []);
  const advice = suggestion(lines);
  const { title, detail } = headline(job.message);
  const first = lines[0];
  return (
    <section className="or-failure" aria-labelledby={`failure-${job.id}`}>
      <h2 id={`failure-${job.id}`}>
        <Icon name="bolt" />
        {title}
      </h2>
      {detail !== '' && <p>{detail}</p>}
      <div className="or-failure-log" aria-busy={log.loading}>
        {first !== undefined && (
          <>
            {/* Focusable, so that the keyboard can scroll it too. */}
            {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
            <pre tabIndex={0} role="region" aria-label="Relevant log lines">
              {lines.map((line) => line.text).join('\n')}
            </pre>
            <Button
              tone="quiet"
              icon="log"
              onClick={() => {
                onView({ tab: 'log', line: lines[lines.length - 1]?.n ?? first.n });
              }}
            >
              Show in log
            </Button>
          </>
        )}
        {first === undefined && !log.loading && <p className="or-faint">No output.</p>}
      </div>
      {advice !== null && (
        <p className="or-fix">
          <strong>Suggestion:</strong> {advice}
        </p>
      )}
      <div className="or-failure-actions">
        <LargerMachine job={job} actions={actions} />
        <Button
          icon="again"
          disabled={actions.busy !== null}
          onClick={() => {
            void actions.again(job);
          }}
        >
          Run again
        </Button>
      </div>
    </section>
  );
}

function LargerMachine({ job, actions }: Pick<Props, 'job' | 'actions'>): ReactElement | null {
  const api = useApi();
  const wanted = job.reason === 'out_of_memory';
  const machines = useLoaded(`larger/${String(wanted)}`, async (signal) =>
    wanted ? (await api.machines(signal)).items : [],
  );
  const larger = largerMachine(machines.value ?? [], job.machine);
  if (larger === null) return null;
  return (
    <Button
      tone="primary"
      icon="again"
      disabled={actions.busy !== null}
      onClick={() => {
        void actions.againWith(job, { machine: larger.name });
      }}
    >
      Run again on {larger.title} ({bytes(larger.memory_mb * 2 ** 20)})
    </Button>
  );
}
