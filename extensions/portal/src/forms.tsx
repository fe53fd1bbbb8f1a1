/** Form components: labelled fields with errors, dialogs, and actions that run once at a time. */

import { ApiError, Button, Problem, sentence, useApi } from '@outrider/ui';
import {
  type FormEvent,
  type InputHTMLAttributes,
  type ReactElement,
  type ReactNode,
  useEffect,
  useId,
  useMemo,
  useRef,
  useState,
} from 'react';

import { Platform } from './platform.js';

export function usePlatform(): Platform {
  const api = useApi();
  return useMemo(() => new Platform(api), [api]);
}

export interface Fault {
  message: string;
  field: string | undefined;
}

function fault(error: unknown): Fault {
  const field = error instanceof ApiError ? error.field : undefined;
  const message = sentence(error);
  // The message appears at its field, so the name is redundant.
  return { field, message: field === undefined ? message : message.replace(`${field}: `, '') };
}

/** Runs one action at a time and reports its error. */
export function useAction(): {
  busy: boolean;
  fault: Fault | null;
  run: (work: () => Promise<unknown>) => void;
} {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Fault | null>(null);
  const run = (work: () => Promise<unknown>): void => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    work()
      .catch((error: unknown) => {
        setProblem(fault(error));
      })
      .finally(() => {
        setBusy(false);
      });
  };
  return { busy, fault: problem, run };
}

interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'name'> {
  label: string;
  name: string;
  hint?: string;
  fault?: Fault | null;
  list?: string;
}

/** A control with a label above it, and its error or hint below. */
function Labelled({
  label,
  name,
  hint,
  fault: wrong,
  children,
}: Pick<FieldProps, 'label' | 'name' | 'hint' | 'fault'> & {
  children: (control: Control) => ReactElement;
}): ReactElement {
  const id = useId();
  const said = wrong?.field === name ? wrong.message : undefined;
  const note = said ?? hint;
  return (
    <div className={said === undefined ? 'portal-field' : 'portal-field portal-field-wrong'}>
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        name,
        'aria-invalid': said !== undefined,
        'aria-describedby': note === undefined ? undefined : `${id}-note`,
      })}
      {note !== undefined && <p id={`${id}-note`}>{note}</p>}
    </div>
  );
}

interface Control {
  id: string;
  name: string;
  'aria-invalid': boolean;
  'aria-describedby': string | undefined;
}

export function Field({ label, name, hint, fault: wrong, ...rest }: FieldProps): ReactElement {
  return (
    <Labelled label={label} name={name} hint={hint} fault={wrong}>
      {(control) => <input {...control} autoComplete="off" {...rest} />}
    </Labelled>
  );
}

/** A multi-line field, for keys. */
export function TextArea(props: Pick<FieldProps, 'label' | 'name' | 'hint' | 'fault'>): ReactElement {
  return (
    <Labelled {...props}>
      {(control) => <textarea {...control} rows={4} autoComplete="off" spellCheck={false} />}
    </Labelled>
  );
}

export function Check({
  label,
  name,
  checked = false,
}: {
  label: string;
  name: string;
  checked?: boolean;
}): ReactElement {
  return (
    <label className="portal-check">
      <input type="checkbox" name={name} defaultChecked={checked} />
      {label}
    </label>
  );
}

export function Choice({
  label,
  name,
  options,
  value,
  onChange,
}: {
  label: string;
  name: string;
  options: readonly (readonly [string, string])[];
  value?: string;
  onChange?: (value: string) => void;
}): ReactElement {
  return (
    <Labelled label={label} name={name}>
      {(control) => (
        <select
          {...control}
          value={value}
          onChange={(event) => {
            onChange?.(event.target.value);
          }}
        >
          {options.map(([key, words]) => (
            <option key={key} value={key}>
              {words}
            </option>
          ))}
        </select>
      )}
    </Labelled>
  );
}

/** A form in a dialog, which closes when `send` resolves and shows the error when it rejects. */
export function FormDialog({
  title,
  action,
  known,
  send,
  onClose,
  children,
}: {
  title: string;
  action: string;
  /** Names of the fields that show their own errors. */
  known: readonly string[];
  send: (form: FormData) => Promise<unknown>;
  onClose: () => void;
  children: (fault: Fault | null) => ReactNode;
}): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const action_ = useAction();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const onSubmit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    action_.run(async () => {
      await send(form);
      dialog.current?.close();
    });
  };
  const elsewhere = action_.fault !== null && !known.includes(action_.fault.field ?? '');
  return (
    <dialog ref={dialog} className="or-dialog portal-dialog" aria-labelledby={heading} onClose={onClose}>
      <form onSubmit={onSubmit} noValidate>
        <h2 id={heading}>{title}</h2>
        <div className="portal-fields">{children(action_.fault)}</div>
        {elsewhere && <Problem>{action_.fault?.message}</Problem>}
        <div className="or-dialog-buttons">
          <Button onClick={() => dialog.current?.close()}>Cancel</Button>
          <Button tone="primary" type="submit" disabled={action_.busy}>
            {action_.busy ? 'Saving …' : action}
          </Button>
        </div>
      </form>
    </dialog>
  );
}

export function text(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === 'string' ? value.trim() : '';
}

/** Splits at commas and spaces. */
export function words(form: FormData, name: string): string[] {
  return text(form, name)
    .split(/[\s,]+/)
    .filter(Boolean);
}

/** The number times `unit`, or null if empty. Invalid text is sent as it is, so that the service reports the field. */
export function number(form: FormData, name: string, unit = 1): unknown {
  const value = text(form, name).replace(',', '.');
  if (value === '') return null;
  const found = Number(value);
  return Number.isNaN(found) ? value : found * unit;
}
