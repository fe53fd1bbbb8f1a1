/** The price of the job, the cost of what already runs, and the remaining budget. */

import type { ReactElement } from 'react';

import type { Machine, Me } from '../api/types.js';
import { money, pricePerHour } from '../shared/format.js';

export function Cost({
  machine,
  nodes,
  me,
  group,
}: {
  machine: Machine | undefined;
  nodes: number;
  me: Me | undefined;
  group: string;
}): ReactElement | null {
  if (machine === undefined) return null;
  const used = me?.usage.price_per_hour ?? 0;
  const payer = group === '' ? 'user:' : `group:${group}`;
  const left = me?.budgets.find((one) => one.subject.startsWith(payer))?.left ?? null;
  return (
    <p className="or-submit-cost">
      <strong>{pricePerHour(machine.price_per_hour * nodes)}</strong>
      {used > 0 && <span className="or-faint">Currently running: {money(used)} / h</span>}
      {left !== null && (
        <span className={left <= 0 ? 'or-wrong' : 'or-faint'}>
          {money(Math.max(0, left))} of this month’s budget left
        </span>
      )}
    </p>
  );
}
