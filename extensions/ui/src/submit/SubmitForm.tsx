/** The form for a new job: says what it costs, what is free and what would go wrong before anything is sent. */

import { type FormEvent, type ReactElement, useEffect, useId, useMemo, useRef, useState } from 'react';

import { ApiError, sentence } from '../api/transport.js';
import type { Job } from '../api/types.js';
import { Button, Icon, Problem } from '../shared/basics.js';
import { type Draft, type Problems, problemsOf, submissionOfDraft } from './draft.js';
import { randomKey } from '../shared/ids.js';
import { firstMachine } from '../shared/machines.js';
import { useApi } from '../shared/context.js';
import { useLoaded, useSettled } from '../shared/hooks.js';
import { Checks } from './Checks.js';
import { Cost } from './Cost.js';
import { ParamRows, TextField } from './fields.js';
import { MachineChoice } from './MachineChoice.js';
import { More, MORE_FIELDS } from './More.js';
import type { Check, SubmitShell } from '../shared/shell.js';
import { WhatRuns } from './WhatRuns.js';
import { FolderSummary, WorkspaceChoice } from './WorkspaceChoice.js';

interface Props {
  start: Draft;
  shell?: SubmitShell;
  /** Machines to begin with when the draft names none, the most wanted first. */
  machines?: readonly (string | null)[];
  onSubmitted: (job: Job, draft: Draft) => void;
  onCancel?: () => void;
}

const LOOK_MS = 400;
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
  const [sending, setSending] = useState(false);
  const [refused, setRefused] = useState<{ draft: Draft; error: unknown } | null>(null);
  const offers = useLoaded('offers', (signal) =>
    Promise.all([api.machines(signal), api.images(signal), api.me(signal)]),
  );
  const [machines, images, me] = offers.value ?? [];
  const change = (changes: Partial<Draft>): void => {
    setDraft((old) => ({ ...old, ...changes }));
  };

  const chosen = draft.machine || firstMachine(machines?.items ?? [], wanted);
  const full = useMemo(() => ({ ...draft, machine: chosen }), [draft, chosen]);
  const submission = useMemo(() => submissionOfDraft(full), [full]);
  const problems = problemsOf(full);
  // The service's own word about a field stands until something is changed.
  const answer = refused !== null && refused.draft === draft ? refused.error : null;
  const field = answer instanceof ApiError ? answer.field?.split('.')[0] : undefined;
  const said: Problems = field && answer instanceof ApiError ? { [field]: answer.message } : {};
  const shown: Problems = { ...(touched ? problems : filled(problems, draft)), ...said };
  const clean = Object.keys(problems).length === 0;
  const checks = useChecks(shell, clean && chosen !== '' ? submission : null);
  const machine = machines?.items.find((one) => one.name === chosen);

  const keys = useRef({ text: '', key: '' });
  const send = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setTouched(true);
    if (!clean || sending) {
      if (MORE_FIELDS.some((name) => problems[name] !== undefined)) setMore(true);
      return;
    }
    // The same wish keeps its key: a second press, or one after a lost answer, makes no second job.
    const text = JSON.stringify([submission, draft.workspace]);
    if (keys.current.text !== text) keys.current = { text, key: randomKey() };
    const { key } = keys.current;
    setSending(true);
    try {
      const made = await (shell.submit?.(submission, draft.workspace === 'folder', key) ??
        api.submit(submission, key));
      keys.current = { text: '', key: '' };
      onSubmitted(made, full);
    } catch (error) {
      setRefused({ draft, error });
      if (error instanceof ApiError && MORE_FIELDS.includes(error.field?.split('.')[0] ?? '')) setMore(true);
    } finally {
      setSending(false);
    }
  };

  const imageList = useId();
  return (
    <form
      className="or-submit"
      noValidate
      onSubmit={(event) => {
        void send(event);
      }}
    >
      <div className="or-submit-body">
        {offers.error && <Problem onRetry={offers.reload}>{offers.error.message}</Problem>}
        <TextField
          label="Name"
          value={draft.name}
          placeholder="one is made up"
          problem={shown.name}
          onChange={(name) => {
            change({ name });
          }}
        />
        <WhatRuns draft={draft} problems={shown} onChange={change} />
        <TextField
          label="Image"
          value={draft.image}
          placeholder={images?.items[0]?.name ?? 'the default one'}
          list={imageList}
          problem={shown.image}
          onChange={(image) => {
            change({ image });
          }}
        />
        <datalist id={imageList}>
          {images?.items
            .filter((image) => image.for_jobs)
            .map((image) => (
              <option key={image.name} value={image.name}>
                {image.title}
              </option>
            ))}
        </datalist>
        <MachineChoice
          machines={machines?.items ?? []}
          chosen={chosen}
          problem={shown.machine}
          onChange={(name) => {
            change({ machine: name });
          }}
        />
        <WorkspaceChoice
          draft={draft}
          folder={
            shell.folder && { title: 'The file’s folder', body: <FolderSummary folder={shell.folder} /> }
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
          <summary>More: variables, ports, labels, limits</summary>
          {more && <More draft={draft} problems={shown} groups={me?.groups ?? []} onChange={change} />}
        </details>
      </div>
      <footer className="or-submit-foot">
        <Checks checks={checks.items} failed={checks.failed} />
        {answer !== null && <Problem>{sentence(answer)}</Problem>}
        <div className="or-submit-buttons">
          <Cost machine={machine} nodes={Number(draft.nodes) || 1} me={me} group={draft.group} />
          <span className="or-spring" />
          {onCancel && <Button onClick={onCancel}>Cancel</Button>}
          <Button type="submit" tone="primary" disabled={sending}>
            <Icon name="bolt" />
            {sending ? 'Sending …' : 'Run job'}
          </Button>
        </div>
      </footer>
    </form>
  );
}

/** Before the button was pressed, only what somebody has filled in can be wrong. */
function filled(problems: Problems, draft: Draft): Problems {
  const empty: Record<string, boolean> = {
    command: draft.command === '',
    workspace: draft.workspace === 'git' && draft.url === '',
    params: draft.params.some((param) => param.name === ''),
    env: draft.env.some((pair) => pair.name === ''),
  };
  return Object.fromEntries(Object.entries(problems).filter(([name]) => empty[name] !== true));
}

function useChecks(
  shell: SubmitShell,
  submission: ReturnType<typeof submissionOfDraft> | null,
): { items: readonly Check[]; failed: string | null } {
  const key = useSettled(
    submission === null ? '' : JSON.stringify([submission.image, submission.machine, submission.notebook]),
    LOOK_MS,
  );
  const loaded = useLoaded(key, async (signal) =>
    shell.check === undefined || submission === null || key === '' ? [] : shell.check(submission, signal),
  );
  // While the next answer is on its way the last one stays, so that nothing jumps.
  const [held, setHeld] = useState<readonly Check[]>([]);
  useEffect(() => {
    if (loaded.value !== undefined && key !== '') setHeld(loaded.value);
  }, [loaded.value, key]);
  return { items: held, failed: loaded.error?.message ?? null };
}
