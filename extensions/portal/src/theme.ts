/** Light or dark mode, stored under the same key as on JupyterHub's own pages. */

const KEPT = 'jupyterhub-bs-theme';

/** Applies the stored choice, if there is one. */
export function applyTheme(): void {
  const theme = localStorage.getItem(KEPT);
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.bsTheme = theme;
}

/** Switches to the opposite of the current theme. */
export function switchTheme(): void {
  const root = document.documentElement;
  const dark = root.dataset.bsTheme
    ? root.dataset.bsTheme === 'dark'
    : matchMedia('(prefers-color-scheme: dark)').matches;
  localStorage.setItem(KEPT, dark ? 'light' : 'dark');
  applyTheme();
}
