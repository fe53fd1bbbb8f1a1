/** How much of the monthly budgets and of the storage limits is used; warns from 80 % on. */

import { bytes, type Me, money } from '@outrider/ui';
import type { ReactElement, ReactNode } from 'react';

import type { Holdings } from './platform.js';

const WARN_AT = 0.8;

function titleOf(what: string, subject: string): string {
  return subject.startsWith('user:') ? `Your ${what}` : `Group ${subject.replace('group:', '')}: ${what}`;
}

export function Budgets({ budgets }: { budgets: Me['budgets'] }): ReactElement | null {
  if (budgets.length === 0) return null;
  return (
    <>
      {budgets.map(({ subject, budget, spent, left, resets_at: resets }) =>
        budget === null || left === null ? (
          <AllowanceRow key={subject} name={titleOf('spending', subject)} value={money(spent)} />
        ) : (
          <AllowanceRow
            key={subject}
            name={titleOf('spending', subject)}
            value={`${money(spent)} of ${money(budget)}`}
            share={budget > 0 ? spent / budget : 1}
          >
            {left <= 0
              ? `Budget used up until ${day(resets)}. Only machines with no charge can be started.`
              : `${money(left)} left until ${day(resets)}.`}
          </AllowanceRow>
        ),
      )}
    </>
  );
}

export function Keeps({ holdings }: { holdings: Holdings['items'] }): ReactElement {
  return (
    <>
      {holdings.map(({ subject, used, limit, jobs, uploads }) => {
        const name = titleOf('storage', subject);
        if (used === null) return <AllowanceRow key={subject} name={name} value="Not measured yet" />;
        const parts = [
          jobs ? `${bytes(jobs)} in job artifacts` : '',
          uploads ? `${bytes(uploads)} in uploaded workspaces` : '',
        ].filter(Boolean);
        const note = parts.length > 0 ? `Includes ${parts.join(' and ')}.` : null;
        return limit === null ? (
          <AllowanceRow key={subject} name={name} value={bytes(used)}>
            {note}
          </AllowanceRow>
        ) : (
          <AllowanceRow
            key={subject}
            name={name}
            value={`${bytes(used)} of ${bytes(limit)}`}
            share={used / limit}
          >
            {used >= limit && 'Storage is full. Delete files or jobs to start new jobs. '}
            {note}
          </AllowanceRow>
        );
      })}
    </>
  );
}

function AllowanceRow({
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
