/** Light or dark: the choice that JupyterHub's pages keep in the browser, over the system's. */

const KEY = 'jupyterhub-bs-theme';
type Theme = 'light' | 'dark';

function chosen(): Theme | null {
  const theme = localStorage.getItem(KEY);
  return theme === 'light' || theme === 'dark' ? theme : null;
}

function show(theme: Theme | null): void {
  if (theme === null) delete document.documentElement.dataset.bsTheme;
  else document.documentElement.dataset.bsTheme = theme;
}

/** Follows the choice, also when another tab makes it. */
export function followTheme(): void {
  show(chosen());
  window.addEventListener('storage', (event) => {
    if (event.key === KEY) show(chosen());
  });
}

/** The other one, kept for all pages. */
export function switchTheme(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const theme = (chosen() ?? (dark ? 'dark' : 'light')) === 'dark' ? 'light' : 'dark';
  localStorage.setItem(KEY, theme);
  show(theme);
}
