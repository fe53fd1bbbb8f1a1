import '@outrider/ui/style/index.css';
import './style/index.css';

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { App } from './App.js';

/** The choice of light or dark that JupyterHub's pages keep, over the system's. */
const theme = localStorage.getItem('jupyterhub-bs-theme');
if (theme === 'light' || theme === 'dark') document.documentElement.dataset.bsTheme = theme;

const page = document.getElementById('page');
if (page !== null) {
  createRoot(page).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
