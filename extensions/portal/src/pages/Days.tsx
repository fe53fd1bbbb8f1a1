/** A bar chart of daily usage, labelled as one image; the table by day has the same data. */

import { money } from '@outrider/ui';
import type { ReactElement } from 'react';

import { everyDay } from '../days.js';
import type { UsageReport } from '../platform.js';

const HEIGHT = 120;
const WIDTH = 12;

export function Days({ report }: { report: UsageReport }): ReactElement {
  // Show hours if nothing has a price.
  const paid = report.total.cost > 0;
  const known = new Map(report.items.map((row) => [row.keys.day ?? '', paid ? row.cost : row.hours]));
  const days = everyDay(report.since, report.until, known);
  const most = Math.max(...days.map((one) => one.value), 1e-9);
  const said = (value: number): string => (paid ? money(value) : `${value.toFixed(2)} h`);
  const name = `${paid ? 'Cost' : 'Hours'} per day from ${report.since} to ${report.until}, maximum ${said(most)}`;
  return (
    <figure className="portal-days">
      <svg
        viewBox={`0 0 ${String(days.length * WIDTH)} ${String(HEIGHT)}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={name}
      >
        {days.map((one, i) => {
          const height = (one.value / most) * HEIGHT;
          return (
            <rect key={one.day} x={i * WIDTH + 1} y={HEIGHT - height} width={WIDTH - 2} height={height}>
              <title>{`${one.day}: ${said(one.value)}`}</title>
            </rect>
          );
        })}
      </svg>
      <figcaption className="or-faint">
        <span>{days[0]?.day}</span>
        <span>
          {paid ? 'Cost' : 'Hours'} per day, maximum {said(most)}
        </span>
        <span>{days.at(-1)?.day}</span>
      </figcaption>
    </figure>
  );
}
