/** The theme's colours resolved for a canvas, and updated when the theme changes. */

import { type RefObject, useEffect, useState } from 'react';

export interface ChartTheme {
  series: string[];
  text: string;
  grid: string;
  accent: string;
  surface: string;
}

const SERIES = 8;

export function useChartTheme(element: RefObject<HTMLElement>): ChartTheme | null {
  const [theme, setTheme] = useState<ChartTheme | null>(null);
  useEffect(() => {
    const node = element.current;
    if (node === null) return;
    const read = (): void => {
      const next = themeOf(node);
      setTheme((old) => (JSON.stringify(old) === JSON.stringify(next) ? old : next));
    };
    read();
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', read);
    // Shells with their own themes switch them by an attribute of <html> or <body>.
    const watch = new MutationObserver(read);
    watch.observe(document.documentElement, { attributes: true });
    watch.observe(document.body, { attributes: true });
    return () => {
      dark.removeEventListener('change', read);
      watch.disconnect();
    };
  }, [element]);
  return theme;
}

/** Resolves custom properties by way of `color`: their own computed value may still be light-dark() or var(). */
function themeOf(inside: HTMLElement): ChartTheme {
  const probe = document.createElement('span');
  probe.hidden = true;
  inside.append(probe);
  const colour = (name: string): string => {
    probe.style.color = `var(--or-${name})`;
    return getComputedStyle(probe).color;
  };
  const theme = {
    series: Array.from({ length: SERIES }, (_, i) => colour(`series-${String(i + 1)}`)),
    text: colour('muted'),
    grid: colour('grid'),
    accent: colour('accent'),
    surface: colour('surface'),
  };
  probe.remove();
  return theme;
}
