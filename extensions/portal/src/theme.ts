/** Light or dark: the choice that JupyterHub's own pages keep in this browser, over the system's. */

const KEPT = 'jupyterhub-bs-theme';

/** What was chosen once holds for this page too. */
export function applyTheme(): void {
  const theme = localStorage.getItem(KEPT);
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.bsTheme = theme;
}

/** The other one than what is seen now. */
export function switchTheme(): void {
  const root = document.documentElement;
  const dark = root.dataset.bsTheme
    ? root.dataset.bsTheme === 'dark'
    : matchMedia('(prefers-color-scheme: dark)').matches;
  localStorage.setItem(KEPT, dark ? 'light' : 'dark');
  applyTheme();
}
