/**
 * Around every page: the header and the connection state. The Hub's pages have the same header
 * (hub/outrider_hub/pages/templates/outrider_header.html); both take its links and its styles from the same files.
 */

import { useConnection } from '@outrider/ui';
import { type ReactElement, type ReactNode, useSyncExternalStore } from 'react';
import { Link } from 'wouter';

import links from '../../../hub/outrider_hub/pages/links.json';
import { ADMIN, HUB, USER } from './place.js';
import type { Place } from './routes.js';
import { switchTheme } from './theme.js';
import { login } from './transport.js';

export function Frame({ place, children }: { place: Place; children: ReactNode }): ReactElement {
  const current = place.page === 'job' ? 'jobs' : place.page;
  return (
    <>
      <a
        className="outrider-skip"
        href="#main"
        onClick={(event) => {
          // The page's base address is that of its files: a bare fragment would lead there.
          event.preventDefault();
          document.getElementById('main')?.focus();
        }}
      >
        Skip to content
      </a>
      <header className="outrider-head">
        <Link href="/" className="outrider-name">
          <Logo />
          Outrider
        </Link>
        <nav aria-label="Outrider">
          {links.map(({ page, path, title }) =>
            page === 'notebooks' ? (
              <a key={page} href={`${HUB}home`}>
                {title}
              </a>
            ) : (
              <Link key={page} href={`/${path}`} aria-current={page === current ? 'page' : undefined}>
                {title}
              </Link>
            ),
          )}
        </nav>
        <nav className="outrider-hub" aria-label="JupyterHub">
          <a href={`${HUB}token`}>Tokens</a>
          {ADMIN && <a href={`${HUB}admin`}>Admin</a>}
          <span className="outrider-user" title="Logged in as">
            {USER}
          </span>
          <button type="button" aria-label="Toggle dark mode" title="Toggle dark mode" onClick={switchTheme}>
            ◐
          </button>
          <a href={`${HUB}logout`}>Log out</a>
        </nav>
      </header>
      <Connection />
      <main id="main" tabIndex={-1} className={place.page === 'job' ? 'portal-wide' : ''}>
        {children}
      </main>
    </>
  );
}

function Connection(): ReactElement {
  const state = useConnection();
  const over = useSyncExternalStore(login.onChange, login.expired) || state === 'refused';
  return (
    <div className="portal-connection" role="status">
      {state === 'lost' && !over && <p>Connection lost. Reconnecting …</p>}
      {over && (
        <p>
          Your session has expired. <a href={window.location.href}>Log in again</a>
        </p>
      )}
    </div>
  );
}

function Logo(): ReactElement {
  return (
    <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
      <circle cx="13" cy="16" r="8" fill="none" stroke="currentColor" strokeWidth="4" />
      <circle cx="27" cy="16" r="3.2" fill="currentColor" />
    </svg>
  );
}
