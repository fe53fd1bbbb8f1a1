/** The filters above the job list: search, status, and the labels clicked in a row. */

import { type ReactElement, useEffect, useRef, useState } from 'react';

import { useSettled } from '../shared/hooks.js';
import { Icon } from '../shared/basics.js';
import type { ListView } from './listView.js';

interface Props {
  view: ListView;
  onView: (view: ListView, options?: { replace?: boolean }) => void;
}

const SHOWN: [NonNullable<ListView['show']> | undefined, string][] = [
  [undefined, 'All'],
  ['active', 'Active'],
  ['succeeded', 'Succeeded'],
  ['failed', 'Failed'],
  ['cancelled', 'Cancelled'],
];
export const NARROWED = ['owner', 'project', 'experiment', 'tag'] as const;

export function JobFilters({ view, onView }: Props): ReactElement {
  const [typed, setTyped] = useState(view.q ?? '');
  const settled = useSettled(typed, 250);
  const sent = useRef(view.q ?? '');
  const latest = useRef({ view, onView });
  useEffect(() => {
    latest.current = { view, onView };
  });
  useEffect(() => {
    const { view: old, onView: change } = latest.current;
    if (settled === (old.q ?? '')) return;
    sent.current = settled;
    change({ ...old, q: settled || undefined, cursor: undefined }, { replace: true });
  }, [settled]);
  useEffect(() => {
    // Follow the back button, but ignore our own update, which arrives debounced while the user types on.
    if ((view.q ?? '') === sent.current) return;
    sent.current = view.q ?? '';
    setTyped(sent.current);
  }, [view.q]);
  return (
    <div className="or-toolbar">
      <label className="or-search">
        <Icon name="search" />
        <span className="or-hidden">Search jobs by name or ID</span>
        <input
          type="search"
          placeholder="Search by name or ID"
          value={typed}
          maxLength={200}
          onChange={(event) => {
            setTyped(event.target.value);
          }}
        />
      </label>
      <div className="or-choices" role="group" aria-label="Status">
        {SHOWN.map(([show, title]) => (
          <button
            key={title}
            type="button"
            aria-pressed={view.show === show}
            onClick={() => {
              onView({ ...view, show, cursor: undefined });
            }}
          >
            {title}
          </button>
        ))}
      </div>
      {NARROWED.map((name) =>
        view[name] ? (
          <button
            key={name}
            type="button"
            className="or-chip or-chip-on"
            aria-label={`Remove filter ${name}: ${view[name]}`}
            onClick={() => {
              onView({ ...view, [name]: undefined, cursor: undefined });
            }}
          >
            {name}: {view[name]}
            <Icon name="close" />
          </button>
        ) : null,
      )}
    </div>
  );
}
