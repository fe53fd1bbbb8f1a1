/** The last step: everything that was chosen, what it costs, what would become of it, and the command that does the same. */

import {
  ApiError,
  bytes,
  Checks,
  Command,
  Cost,
  type Draft,
  type Job,
  type Machine,
  type Me,
  Problem,
  type Problems,
  randomKey,
  runLine,
  sentence,
  submissionOfDraft,
  useApi,
  useLoaded,
  useSettled,
} from '@outrider/ui';
import { type ReactElement, useRef, useState } from 'react';
import { Link } from 'wouter';

import { useAction } from '../forms.js';
import { type Filled, ready, type Step, stepOf, STEPS, TITLES, workspaceWord } from './steps.js';

const LOOK_MS = 300;

/** Sends the form, and holds the service's word about a field until something is changed. */
export function useSubmission(
  filled: Filled,
  onSubmitted: (job: Job) => void,
): { busy: boolean; refused: string | null; said: Problems; send: () => void } {
  const api = useApi();
  const action = useAction();
  const [refused, setRefused] = useState<{ text: string; error: unknown } | null>(null);
  const keys = useRef({ text: '', key: '' });
  const submission = submissionOfDraft(ready(filled));
  const text = JSON.stringify(submission);
  const send = (): void => {
    action.run(async () => {
      // The same wish keeps its key: a second press, or one after a lost answer, makes no second job.
      if (keys.current.text !== text) keys.current = { text, key: randomKey() };
      try {
        const made = await api.submit(submission, keys.current.key);
        keys.current = { text: '', key: '' };
        onSubmitted(made);
      } catch (error) {
        setRefused({ text, error });
      }
    });
  };
  const error = refused !== null && refused.text === text ? refused.error : null;
  const field = error instanceof ApiError ? error.field?.split('.')[0] : undefined;
  return {
    busy: action.busy,
    refused: error === null ? null : sentence(error),
    said: field === undefined ? {} : { [field]: sentence(error) },
    send,
  };
}

export function Review({
  filled,
  wrong,
  me,
  machine,
  refused,
  to,
}: {
  filled: Filled;
  wrong: Problems;
  me: Me | undefined;
  machine: Machine | undefined;
  refused: string | null;
  to: (step: Step) => string;
}): ReactElement {
  const { draft } = filled;
  const submission = submissionOfDraft(ready(filled));
  const clean = Object.keys(wrong).length === 0;
  const checked = usePreflight(clean && draft.machine !== '' ? JSON.stringify(submission) : '');
  return (
    <>
      <dl className="newjob-review">
        {STEPS.filter((step) => step !== 'review').map((step) => (
          <div key={step}>
            <dt>{TITLES[step]}</dt>
            <dd>
              <Summary step={step} filled={filled} />
              {Object.entries(wrong)
                .filter(([field]) => stepOf(field) === step)
                .map(([field, text]) => (
                  <p key={field} className="or-wrong">
                    {text}
                  </p>
                ))}
            </dd>
            <dd>
              <Link href={to(step)} aria-label={`Change ${TITLES[step].toLowerCase()}`}>
                Change
              </Link>
            </dd>
          </div>
        ))}
      </dl>
      <Cost machine={machine} nodes={Number(draft.nodes) || 1} me={me} group={draft.group} />
      {clean && <Checks checks={checked.items} failed={checked.failed} />}
      {refused !== null && <Problem>{refused}</Problem>}
      {clean && (
        <details className="or-more" open>
          <summary>The same from a terminal</summary>
          <Command text={runLine(submission, workspaceWord(filled))} />
          {draft.workspace === 'folder' && (
            <p className="or-faint">In the directory that holds {filled.upload?.name}.</p>
          )}
        </details>
      )}
    </>
  );
}

function usePreflight(key: string): {
  items: { check: string; answer: 'yes' | 'no' | 'unknown'; message: string }[];
  failed: string | null;
} {
  const api = useApi();
  const settled = useSettled(key, LOOK_MS);
  const loaded = useLoaded(settled, async (signal) =>
    settled === ''
      ? []
      : (await api.preflight(JSON.parse(settled) as Parameters<typeof api.preflight>[0], signal)).items,
  );
  return { items: loaded.value ?? [], failed: loaded.error?.message ?? null };
}

function Summary({ step, filled }: { step: Step; filled: Filled }): ReactElement {
  const { draft } = filled;
  switch (step) {
    case 'image':
      return <code>{draft.image}</code>;
    case 'machine':
      return <code>{draft.machine}</code>;
    case 'command':
      return (
        <>
          {draft.name !== '' && <p>{draft.name}</p>}
          <pre>{draft.runs === 'command' ? draft.command : draft.notebook}</pre>
          {draft.params.map((param, i) => (
            <p key={i}>
              <code>
                {param.name} = {param.text}
              </code>
            </p>
          ))}
        </>
      );
    case 'workspace':
      return <p>{workspaceText(filled)}</p>;
    default:
      return <Extras draft={draft} />;
  }
}

function workspaceText({ draft, upload }: Filled): string {
  if (draft.workspace === 'git') return `${draft.url}${draft.ref && ` at ${draft.ref}`}`;
  if (draft.workspace === 'folder')
    return upload === null ? '' : `${upload.name}: ${String(upload.files)} files, ${bytes(upload.size)}`;
  return draft.workspace === 'kept' ? 'As it was' : 'None';
}

/** Names of variables alone: their values may be nobody else's business. */
function Extras({ draft }: { draft: Draft }): ReactElement {
  const rows: [string, string][] = [
    ['Ports', draft.ports + (draft.isPublic && draft.ports !== '' ? ', for anybody' : '')],
    ['Variables', draft.env.map((pair) => pair.name).join(', ')],
    ['Secrets', draft.secrets],
    ['Project', draft.project],
    ['Experiment', draft.experiment],
    ['Tags', draft.tags],
    ['Billed to', draft.group],
    ['Timeout', draft.timeout],
    ['Retries', draft.retries],
    ['Priority', draft.priority],
    ['Machines at once', draft.nodes],
    ['Shared memory in MiB', draft.shm],
    ['Artifacts of other jobs', draft.inputs],
  ];
  const given = rows.filter(([, value]) => value !== '');
  if (given.length === 0) return <p className="or-faint">Nothing particular</p>;
  return (
    <>
      {given.map(([name, value]) => (
        <p key={name}>
          {name}: {value}
        </p>
      ))}
    </>
  );
}
