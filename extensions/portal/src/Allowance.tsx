/** What is left: of this month's budgets, of the room for files. Warns from four fifths on. */

import { bytes, type Me, money } from '@outrider/ui';
import type { ReactElement, ReactNode } from 'react';

import type { Holdings } from './platform.js';

const WARN_AT = 0.8;

/** Whose: one's own, or a group's. */
export function whose(subject: string): string {
  return subject.startsWith('user:') ? 'Yours' : subject.replace('group:', '');
}

export function Budgets({ budgets }: { budgets: Me['budgets'] }): ReactElement | null {
  if (budgets.length === 0) return null;
  return (
    <>
      {budgets.map(({ subject, budget, spent, left, resets_at: resets }) =>
        budget === null || left === null ? (
          <Line key={subject} name={`${whose(subject)}: spent`} value={money(spent)} />
        ) : (
          <Line
            key={subject}
            name={`${whose(subject)}: spent`}
            value={`${money(spent)} of ${money(budget)}`}
            share={budget > 0 ? spent / budget : 1}
          >
            {left <= 0
              ? `Nothing is left until ${day(resets)}: only what has no charge can be started.`
              : `${money(left)} left until ${day(resets)}.`}
          </Line>
        ),
      )}
    </>
  );
}

export function Keeps({ holdings }: { holdings: Holdings['items'] }): ReactElement {
  return (
    <>
      {holdings.map(({ subject, used, limit, jobs, uploads }) => {
        const name = `${whose(subject)}: storage`;
        if (used === null) return <Line key={subject} name={name} value="not measured yet" />;
        const parts = [
          jobs ? `${bytes(jobs)} left by jobs` : '',
          uploads ? `${bytes(uploads)} uploaded workspaces` : '',
        ].filter(Boolean);
        const note = parts.length > 0 ? `Of that, ${parts.join(', ')}.` : null;
        return limit === null ? (
          <Line key={subject} name={name} value={bytes(used)}>
            {note}
          </Line>
        ) : (
          <Line key={subject} name={name} value={`${bytes(used)} of ${bytes(limit)}`} share={used / limit}>
            {used >= limit && 'It is full: no job starts before something is deleted. '}
            {note}
          </Line>
        );
      })}
    </>
  );
}

function Line({
  name,
  value,
  share,
  children,
}: {
  name: string;
  value: string;
  share?: number;
  children?: ReactNode;
}): ReactElement {
  const warns = share !== undefined && share >= WARN_AT;
  return (
    <div className={warns ? 'portal-limit portal-limit-near' : 'portal-limit'}>
      <p>
        <span>{name}</span>
        <span className="or-number">
          {value}
          {warns && ` (${String(Math.floor(share * 100))} %)`}
        </span>
      </p>
      {share !== undefined && (
        <progress max={1} value={Math.min(1, share)} aria-label={`${name}: ${value}`} />
      )}
      {children && <p className="or-faint">{children}</p>}
    </div>
  );
}

function day(time: string): string {
  return new Date(time).toLocaleDateString(undefined, { day: 'numeric', month: 'long', timeZone: 'UTC' });
}
