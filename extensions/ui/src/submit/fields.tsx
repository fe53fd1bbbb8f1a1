/** Form fields: labelled inputs with error messages, and rows of names and values. */

import { type ReactElement, type ReactNode, useId } from 'react';

import { Button } from '../shared/basics.js';
import { type Pair, type Param, PARAM_TYPES, type ParamType } from './draft.js';

export interface FieldIds {
  id: string;
  'aria-describedby': string | undefined;
  'aria-invalid': boolean | undefined;
}

interface FieldProps {
  label: ReactNode;
  problem?: string | undefined;
  hint?: ReactNode;
  children: (ids: FieldIds) => ReactNode;
}

/** Ties the label and the error message to the input for screen readers. */
export function Field({ label, problem, hint, children }: FieldProps): ReactElement {
  const id = useId();
  const said = problem ?? hint;
  return (
    <div className="or-field">
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        'aria-describedby': said ? `${id}-said` : undefined,
        'aria-invalid': problem === undefined ? undefined : true,
      })}
      {said && (
        <p id={`${id}-said`} className={problem === undefined ? 'or-faint' : 'or-wrong'}>
          {said}
        </p>
      )}
    </div>
  );
}

interface TextProps {
  label: ReactNode;
  value: string;
  onChange: (value: string) => void;
  problem?: string | undefined;
  hint?: ReactNode;
  placeholder?: string;
  mono?: boolean;
  list?: string;
}

export function TextField({
  label,
  value,
  onChange,
  problem,
  hint,
  placeholder,
  mono,
  list,
}: TextProps): ReactElement {
  return (
    <Field label={label} problem={problem} hint={hint}>
      {(ids) => (
        <input
          {...ids}
          type="text"
          className={mono === true ? 'or-mono' : ''}
          value={value}
          placeholder={placeholder}
          list={list}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => {
            onChange(event.target.value);
          }}
        />
      )}
    </Field>
  );
}

/** Radio buttons for `[value, title]` options. Set `label` unless a legend names the group. */
export function Radios<T extends string>({
  label,
  options,
  chosen,
  onChange,
}: {
  label?: string;
  options: readonly (readonly [T, string])[];
  chosen: T;
  onChange: (value: T) => void;
}): ReactElement {
  const group = useId();
  return (
    <div className="or-radios" role={label && 'radiogroup'} aria-label={label}>
      {options.map(([value, title]) => (
        <label key={value}>
          <input
            type="radio"
            name={group}
            value={value}
            checked={chosen === value}
            onChange={() => {
              onChange(value);
            }}
          />
          {title}
        </label>
      ))}
    </div>
  );
}

interface RowsProps<T extends Pair> {
  what: string;
  rows: T[];
  blank: T;
  problem: string | undefined;
  onChange: (rows: T[]) => void;
  extra?: (row: T, change: (changes: Partial<T>) => void, name: string) => ReactNode;
}

/** Any number of name-value rows. */
function Rows<T extends Pair>({ what, rows, blank, problem, onChange, extra }: RowsProps<T>): ReactElement {
  const base = useId();
  return (
    <div className="or-rows" role="group" aria-label={`${what}s`}>
      {rows.map((row, i) => {
        const change = (changes: Partial<T>): void => {
          onChange(rows.map((other, at) => (at === i ? { ...other, ...changes } : other)));
        };
        const name = row.name || `#${String(i + 1)}`;
        return (
          <div className="or-row" key={i}>
            <input
              type="text"
              className="or-mono"
              aria-label={`Name of ${what} ${String(i + 1)}`}
              value={row.name}
              placeholder="name"
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => {
                change({ name: event.target.value } as Partial<T>);
              }}
            />
            {extra?.(row, change, name)}
            <Button
              tone="quiet"
              icon="close"
              label={`Remove ${what} ${name}`}
              onClick={() => {
                onChange(rows.filter((_, at) => at !== i));
              }}
            />
          </div>
        );
      })}
      {problem !== undefined && (
        <p id={`${base}-said`} className="or-wrong">
          {problem}
        </p>
      )}
      <Button
        tone="quiet"
        onClick={() => {
          onChange([...rows, blank]);
        }}
      >
        Add {what}
      </Button>
    </div>
  );
}

function ValueInput({
  name,
  row,
  change,
}: {
  name: string;
  row: Pair;
  change: (changes: { text: string }) => void;
}): ReactElement {
  return (
    <input
      type="text"
      className="or-mono"
      aria-label={`Value of ${name}`}
      value={row.text}
      spellCheck={false}
      onChange={(event) => {
        change({ text: event.target.value });
      }}
    />
  );
}

export function ParamRows({
  params,
  problem,
  onChange,
}: {
  params: Param[];
  problem: string | undefined;
  onChange: (params: Param[]) => void;
}): ReactElement {
  return (
    <Rows
      what="parameter"
      rows={params}
      blank={{ name: '', type: 'text', text: '' }}
      problem={problem}
      onChange={onChange}
      extra={(row, change, name) => (
        <>
          <select
            aria-label={`Type of ${name}`}
            value={row.type}
            onChange={(event) => {
              change({ type: event.target.value as ParamType });
            }}
          >
            {PARAM_TYPES.map((type) => (
              <option key={type}>{type}</option>
            ))}
          </select>
          {row.type === 'boolean' ? (
            <select
              aria-label={`Value of ${name}`}
              value={row.text}
              onChange={(event) => {
                change({ text: event.target.value });
              }}
            >
              {row.text !== 'true' && row.text !== 'false' && <option>{row.text}</option>}
              <option>true</option>
              <option>false</option>
            </select>
          ) : (
            <ValueInput name={name} row={row} change={change} />
          )}
        </>
      )}
    />
  );
}

export function EnvRows({
  env,
  problem,
  onChange,
}: {
  env: Pair[];
  problem: string | undefined;
  onChange: (env: Pair[]) => void;
}): ReactElement {
  return (
    <Rows
      what="variable"
      rows={env}
      blank={{ name: '', text: '' }}
      problem={problem}
      onChange={onChange}
      extra={(row, change, name) => <ValueInput name={name} row={row} change={change} />}
    />
  );
}
