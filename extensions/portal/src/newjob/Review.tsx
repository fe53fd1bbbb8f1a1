/** The review step: a summary, the price, preflight checks, and the equivalent command. */

import {
  bytes,
  Checks,
  Command,
  Cost,
  type Draft,
  type Machine,
  type Me,
  Problem,
  type Problems,
  runLine,
  submissionOfDraft,
  usePreflight,
} from '@outrider/ui';
import type { ReactElement } from 'react';
import { Link } from 'wouter';

import { type Filled, ready, type Step, stepOf, STEPS, TITLES, workspaceWord } from './steps.js';

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
  const checked = usePreflight(clean && draft.machine !== '' ? submission : null);
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
          <summary>Run from a terminal</summary>
          <Command text={runLine(submission, workspaceWord(filled))} />
          {draft.workspace === 'folder' && (
            <p className="or-faint">Run it in the directory that contains {filled.upload?.name}.</p>
          )}
        </details>
      )}
    </>
  );
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
  return draft.workspace === 'kept' ? 'Same as before' : 'None';
}

/** Shows only the names of variables, as their values may be confidential. */
function Extras({ draft }: { draft: Draft }): ReactElement {
  const rows: [string, string][] = [
    ['Ports', draft.ports + (draft.isPublic && draft.ports !== '' ? ' (public)' : '')],
    ['Variables', draft.env.map((pair) => pair.name).join(', ')],
    ['Secrets', draft.secrets],
    ['Project', draft.project],
    ['Experiment', draft.experiment],
    ['Tags', draft.tags],
    ['Bill to', draft.group],
    ['Timeout', draft.timeout],
    ['Retries', draft.retries],
    ['Priority', draft.priority],
    ['Nodes', draft.nodes],
    ['Shared memory (MiB)', draft.shm],
    ['Inputs from other jobs', draft.inputs],
  ];
  const given = rows.filter(([, value]) => value !== '');
  if (given.length === 0) return <p className="or-faint">Defaults</p>;
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
