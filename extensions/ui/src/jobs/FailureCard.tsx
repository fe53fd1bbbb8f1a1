/** Why a job failed: the reason in plain words, the lines that say so, what would likely help, and the way to do it. */

import type { ReactElement } from 'react';

import type { Job } from '../api/types.js';
import { failureTitle, largerMachine, likelyFix, tellingLines } from './failure.js';
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
  const lines = tellingLines(log.value?.items ?? []);
  const fix = likelyFix(job, lines);
  const first = lines[0];
  return (
    <section className="or-failure" aria-labelledby={`failure-${job.id}`}>
      <h2 id={`failure-${job.id}`}>
        <Icon name="bolt" />
        {failureTitle(job.reason)}
        {job.exit_code !== null && <span className="or-faint">exit code {job.exit_code}</span>}
      </h2>
      {job.message && <p>{job.message}</p>}
      <div className="or-failure-log" aria-busy={log.loading}>
        {first !== undefined && (
          <>
            {/* It scrolls sideways, and the keyboard must be able to do that too. */}
            {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
            <pre tabIndex={0} role="region" aria-label="The last lines that matter">
              {lines.map((line) => line.text).join('\n')}
            </pre>
            <Button
              tone="quiet"
              icon="log"
              onClick={() => {
                onView({ tab: 'log', line: lines[lines.length - 1]?.n ?? first.n });
              }}
            >
              Show in the log
            </Button>
          </>
        )}
        {first === undefined && !log.loading && <p className="or-faint">It printed nothing.</p>}
      </div>
      {fix !== null && (
        <p className="or-fix">
          <strong>What may help:</strong> {fix}
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
          Run again as it was
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
