/** The new-job wizard. Each step has a URL of its own. */

import {
  Button,
  type Draft,
  firstMachine,
  Icon,
  MachineChoice,
  More,
  ParamRows,
  Radios,
  Problem,
  type Problems,
  submissionOfDraft,
  TextField,
  useApi,
  useLoaded,
  useNavigation,
  useSettled,
  useSubmission,
  WhatRuns,
} from '@outrider/ui';
import { type FormEvent, type ReactElement, useEffect, useRef, useState } from 'react';
import { Link, Redirect, useLocation } from 'wouter';

import { filledOf, newJobAddress } from '../newjob/address.js';
import { ImageStep } from '../newjob/ImageStep.js';
import { Review } from '../newjob/Review.js';
import { SecretChoice } from '../newjob/SecretChoice.js';
import {
  after,
  before,
  type Filled,
  firstStep,
  problems,
  problemsOn,
  ready,
  type Step,
  stepOf,
  STEPS,
  TITLES,
} from '../newjob/steps.js';
import { WorkspaceStep } from '../newjob/WorkspaceStep.js';
import { Notes } from '../Notes.js';

const WRITE_MS = 400;
const MIB = 2 ** 20;

/** History state: keeps the whole form, including values of variables, across back navigation and reloads. */
interface Kept {
  newJob?: Filled;
}

export default function NewJob({ step, query }: { step: Step | null; query: string }): ReactElement {
  return step === null ? <Begin query={query} /> : <Form step={step} query={query} />;
}

/** A URL without a step starts a new form from its query. */
function Begin({ query }: { query: string }): ReactElement {
  const filled = filledOf(query);
  return <Redirect to={newJobAddress(firstStep(filled), filled)} replace />;
}

function Form({ step, query }: { step: Step; query: string }): ReactElement {
  const api = useApi();
  const navigation = useNavigation();
  const [, go] = useLocation();
  const [filled, setFilled] = useState<Filled>(
    () => (window.history.state as Kept | null)?.newJob ?? filledOf(query),
  );
  const [touched, setTouched] = useState<ReadonlySet<Step>>(new Set());
  const machines = useLoaded('machines', (signal) => api.machines(signal));
  const images = useLoaded('images', (signal) => api.images(signal));
  const me = useLoaded('me', (signal) => api.me(signal));
  const usable = images.value?.items.filter((image) => image.for_jobs);

  const { draft, upload } = filled;
  const full: Filled = {
    upload,
    draft: {
      ...draft,
      image: draft.image || (usable?.[0]?.name ?? ''),
      machine: draft.machine || firstMachine(machines.value?.items ?? [], []),
    },
  };
  const change = (changes: Partial<Draft>): void => {
    setFilled((old) => ({ ...old, draft: { ...old.draft, ...changes } }));
  };
  const sending = useSubmission(submissionOfDraft(ready(full)), (job) => {
    navigation.go({ page: 'job', id: job.id });
  });
  const wrong = problems(full);
  const shown: Problems = { ...(touched.has(step) ? problemsOn(step, wrong) : {}), ...sending.said };

  // Keep the URL in sync with the form by replacing the step's history entry.
  const settled = useSettled(filled, WRITE_MS);
  useEffect(() => {
    if (settled !== filled) return;
    go(newJobAddress(step, settled), { replace: true, state: { newJob: settled } satisfies Kept });
  }, [settled, filled, step, go]);

  const heading = useRef<HTMLHeadingElement>(null);
  const shownStep = useRef(step);
  useEffect(() => {
    if (shownStep.current === step) return;
    shownStep.current = step;
    window.scrollTo(0, 0);
    heading.current?.focus({ preventScroll: true });
  }, [step]);

  const walk = (to: Step): void => {
    go(newJobAddress(step, filled), { replace: true, state: { newJob: filled } satisfies Kept });
    go(newJobAddress(to, filled), { state: { newJob: filled } satisfies Kept });
  };
  const onSubmit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    setTouched((old) => new Set([...old, ...(step === 'review' ? STEPS : [step])]));
    if (step === 'review') {
      const [field] = Object.keys(wrong);
      if (field === undefined) sending.send();
      else walk(stepOf(field));
    } else if (Object.keys(problemsOn(step, wrong)).length > 0) {
      requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid=true]')?.focus());
    } else walk(after(step));
  };
  const back = before(step);
  const failed = machines.error ?? images.error ?? me.error;
  return (
    <div className="newjob">
      <h1>New job</h1>
      <Notes notes={me.value?.notes ?? []} />
      <Steps current={step} filled={filled} wrong={wrong} touched={touched} />
      <form className="or-submit newjob-form" noValidate onSubmit={onSubmit}>
        <h2 ref={heading} tabIndex={-1}>
          {TITLES[step]}
        </h2>
        {failed && <Problem>{failed.message}</Problem>}
        {step === 'image' && (
          <ImageStep
            images={usable}
            chosen={full.draft.image}
            problem={shown.image}
            onAdded={images.reload}
            onChange={(image) => {
              change({ image });
            }}
          />
        )}
        {step === 'machine' && (
          <MachineChoice
            machines={machines.value?.items ?? []}
            chosen={full.draft.machine}
            problem={shown.machine}
            onChange={(machine) => {
              change({ machine });
            }}
          />
        )}
        {step === 'command' && <CommandStep draft={draft} problems={shown} onChange={change} />}
        {step === 'workspace' && (
          <WorkspaceStep
            filled={filled}
            problems={shown}
            limit={(me.value?.limits.max_upload_mb ?? 512) * MIB}
            onChange={change}
            onUpload={(made) => {
              setFilled((old) => ({ ...old, upload: made }));
            }}
          />
        )}
        {step === 'extras' && (
          <>
            <SecretChoice draft={draft} problem={shown.secrets} onChange={change} />
            <More
              draft={draft}
              problems={shown}
              groups={me.value?.groups ?? []}
              withoutSecrets
              onChange={change}
            />
          </>
        )}
        {step === 'review' && (
          <Review
            filled={full}
            wrong={wrong}
            me={me.value}
            machine={machines.value?.items.find((one) => one.name === full.draft.machine)}
            refused={sending.refused}
            to={(target) => newJobAddress(target, filled)}
          />
        )}
        <footer className="newjob-foot">
          {back && (
            <Button
              icon="back"
              onClick={() => {
                walk(back);
              }}
            >
              Back
            </Button>
          )}
          <span className="or-spring" />
          {step === 'review' ? (
            <Button type="submit" tone="primary" disabled={sending.busy}>
              <Icon name="bolt" />
              {sending.busy ? 'Submitting …' : 'Run job'}
            </Button>
          ) : (
            <Button type="submit" tone="primary">
              Next
            </Button>
          )}
        </footer>
      </form>
    </div>
  );
}

function Steps({
  current,
  filled,
  wrong,
  touched,
}: {
  current: Step;
  filled: Filled;
  wrong: Problems;
  touched: ReadonlySet<Step>;
}): ReactElement {
  return (
    <nav aria-label="Steps" className="newjob-steps">
      <ol>
        {STEPS.map((step) => {
          const bad = touched.has(step) && Object.keys(problemsOn(step, wrong)).length > 0;
          return (
            <li key={step} className={bad ? 'newjob-step-wrong' : ''}>
              <Link
                href={newJobAddress(step, filled)}
                state={{ newJob: filled } satisfies Kept}
                aria-current={step === current ? 'step' : undefined}
              >
                {TITLES[step]}
                {bad && <span className="or-hidden"> (incomplete)</span>}
              </Link>
            </li>
          );
        })}
      </ol>
    </nav>
  );
}

function CommandStep({
  draft,
  problems: shown,
  onChange,
}: {
  draft: Draft;
  problems: Problems;
  onChange: (changes: Partial<Draft>) => void;
}): ReactElement {
  return (
    <>
      <Radios
        label="Job type"
        options={[
          ['command', 'Command'],
          ['notebook', 'Notebook from the workspace'],
        ]}
        chosen={draft.runs}
        onChange={(runs) => {
          onChange({ runs });
        }}
      />
      <WhatRuns draft={draft} problems={shown} onChange={onChange} />
      <TextField
        label="Name"
        value={draft.name}
        placeholder="Generated if empty"
        problem={shown.name}
        onChange={(name) => {
          onChange({ name });
        }}
      />
      <fieldset>
        <legend>Parameters</legend>
        <ParamRows
          params={draft.params}
          problem={shown.params}
          onChange={(params) => {
            onChange({ params });
          }}
        />
      </fieldset>
    </>
  );
}
