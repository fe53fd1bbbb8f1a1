/** Tabs by the ARIA pattern: a single tab stop, and arrow keys between the tabs. */

import type { KeyboardEvent, ReactElement, ReactNode } from 'react';

import { type Target, useNavigation } from './context.js';
import { Link } from './basics.js';

export interface TabItem {
  id: string;
  title: ReactNode;
  to: Target;
}

interface Props {
  label: string;
  items: readonly TabItem[];
  current: string;
  /** Prefix of the ids that tie each tab to its panel. */
  base: string;
}

export function Tabs({ label, items, current, base }: Props): ReactElement {
  const navigation = useNavigation();
  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    const at = items.findIndex((item) => item.id === current);
    const steps: Record<string, number> = {
      ArrowRight: (at + 1) % items.length,
      ArrowLeft: (at - 1 + items.length) % items.length,
      Home: 0,
      End: items.length - 1,
    };
    const next = items[steps[event.key] ?? -1];
    if (next === undefined) return;
    event.preventDefault();
    navigation.go(next.to, { replace: true });
    document.getElementById(`${base}-tab-${next.id}`)?.focus();
  };
  return (
    // The tabs have the focus; their key events bubble up.
    // eslint-disable-next-line jsx-a11y/interactive-supports-focus
    <div className="or-tabs" role="tablist" aria-label={label} onKeyDown={onKeyDown}>
      {items.map((item) => (
        <Link
          key={item.id}
          id={`${base}-tab-${item.id}`}
          role="tab"
          aria-selected={item.id === current}
          aria-controls={`${base}-panel`}
          tabIndex={item.id === current ? 0 : -1}
          className="or-tab"
          to={item.to}
        >
          {item.title}
        </Link>
      ))}
    </div>
  );
}
