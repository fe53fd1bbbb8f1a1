/** The form for a new job, with prices, availability and preflight checks. */

import { type FormEvent, type ReactElement, useId, useMemo, useState } from 'react';

import type { Job } from '../api/types.js';
import { Button, Icon, Problem } from '../shared/basics.js';
import { type Draft, type Problems, problemsOf, submissionOfDraft } from './draft.js';
import { firstMachine } from '../shared/machines.js';
import { useApi } from '../shared/context.js';
import { useLoaded } from '../shared/hooks.js';
import { Checks } from './Checks.js';
import { Cost } from './Cost.js';
import { ParamRows, TextField } from './fields.js';
import { MachineChoice } from './MachineChoice.js';
import { More, MORE_FIELDS } from './More.js';
import type { SubmitShell } from '../shared/shell.js';
import { usePreflight } from './usePreflight.js';
import { useSubmission } from './useSubmission.js';
import { WhatRuns } from './WhatRuns.js';
import { FolderSummary, WorkspaceChoice } from './WorkspaceChoice.js';

interface Props {
  start: Draft;
  shell?: SubmitShell;
  /** Default machine types if the draft has none, in order of preference. */
  machines?: readonly (string | null)[];
  onSubmitted: (job: Job, draft: Draft) => void;
  onCancel?: () => void;
}

const NOTHING: SubmitShell = {};

export function SubmitForm({
  start,
  shell = NOTHING,
  machines: wanted = [],
  onSubmitted,
  onCancel,
}: Props): ReactElement {
  const api = useApi();
  const [draft, setDraft] = useState(start);
  const [touched, setTouched] = useState(false);
  const [more, setMore] = useState(false);
  const asked = useLoaded('machines', (signal) => api.machines(signal));
  const images = useLoaded('images', (signal) => api.images(signal));
  const me = useLoaded('me', (signal) => api.me(signal));
  const unknown = asked.error ?? images.error ?? me.error;
  const machines = asked.value?.items ?? [];
  const change = (changes: Partial<Draft>): void => {
    setDraft((old) => ({ ...old, ...changes }));
  };

  const chosen = draft.machine || firstMachine(machines, wanted);
  const full = useMemo(() => ({ ...draft, machine: chosen }), [draft, chosen]);
  const submission = useMemo(() => submissionOfDraft(full), [full]);
  const problems = problemsOf(full);
  const sending = useSubmission(
    submission,
    (job) => {
      onSubmitted(job, full);
    },
    {
      wish: JSON.stringify([submission, draft.workspace]),
      submit:
        shell.submit &&
        ((made, key) => shell.submit?.(made, draft.workspace === 'folder', key) ?? api.submit(made, key)),
    },
  );
  const shown: Problems = { ...(touched ? problems : filled(problems, draft)), ...sending.said };
  const clean = Object.keys(problems).length === 0;
  const checks = usePreflight(clean && chosen !== '' ? submission : null, shell.check);
  const machine = machines.find((one) => one.name === chosen);
  // Make fields with problems visible.
  if (!more && MORE_FIELDS.some((name) => sending.said[name] !== undefined)) setMore(true);

  const send = (event: FormEvent): void => {
    event.preventDefault();
    setTouched(true);
    if (clean) sending.send();
    else if (MORE_FIELDS.some((name) => problems[name] !== undefined)) setMore(true);
  };

  const imageList = useId();
  return (
    <form className="or-submit" noValidate onSubmit={send}>
      <div className="or-submit-body">
        {unknown && (
          <Problem
            onRetry={() => {
              for (const one of [asked, images, me]) if (one.error) one.reload();
            }}
          >
            {unknown.message}
          </Problem>
        )}
        <TextField
          label="Name"
          value={draft.name}
          placeholder="Generated if empty"
          problem={shown.name}
          onChange={(name) => {
            change({ name });
          }}
        />
        <WhatRuns draft={draft} problems={shown} onChange={change} />
        <TextField
          label="Image"
          value={draft.image}
          placeholder={images.value?.items[0]?.name ?? 'default image'}
          list={imageList}
          problem={shown.image}
          onChange={(image) => {
            change({ image });
          }}
        />
        <datalist id={imageList}>
          {images.value?.items
            .filter((image) => image.for_jobs)
            .map((image) => (
              <option key={image.name} value={image.name}>
                {image.title}
              </option>
            ))}
        </datalist>
        <MachineChoice
          machines={machines}
          chosen={chosen}
          problem={shown.machine}
          onChange={(name) => {
            change({ machine: name });
          }}
        />
        <WorkspaceChoice
          draft={draft}
          folder={
            shell.folder && { title: 'This file’s folder', body: <FolderSummary folder={shell.folder} /> }
          }
          problem={shown.workspace}
          onChange={change}
        />
        <fieldset>
          <legend>Parameters</legend>
          <ParamRows
            params={draft.params}
            problem={shown.params}
            onChange={(params) => {
              change({ params });
            }}
          />
        </fieldset>
        <details
          className="or-more"
          open={more}
          onToggle={(event) => {
            setMore(event.currentTarget.open);
          }}
        >
          <summary>More options: variables, ports, labels, limits</summary>
          {more && <More draft={draft} problems={shown} groups={me.value?.groups ?? []} onChange={change} />}
        </details>
      </div>
      <footer className="or-submit-foot">
        <Checks checks={checks.items} failed={checks.failed} />
        {sending.refused !== null && <Problem>{sending.refused}</Problem>}
        <div className="or-submit-buttons">
          <Cost machine={machine} nodes={Number(draft.nodes) || 1} me={me.value} group={draft.group} />
          <span className="or-spring" />
          {onCancel && <Button onClick={onCancel}>Cancel</Button>}
          <Button type="submit" tone="primary" disabled={sending.busy}>
            <Icon name="bolt" />
            {sending.busy ? 'Submitting …' : 'Run job'}
          </Button>
        </div>
      </footer>
    </form>
  );
}

/** Before the first submit, empty fields do not count as problems. */
function filled(problems: Problems, draft: Draft): Problems {
  const empty: Record<string, boolean> = {
    command: draft.command === '',
    workspace: draft.workspace === 'git' && draft.url === '',
    params: draft.params.some((param) => param.name === ''),
    env: draft.env.some((pair) => pair.name === ''),
  };
  return Object.fromEntries(Object.entries(problems).filter(([name]) => empty[name] !== true));
}
