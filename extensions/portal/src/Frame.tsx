/** Around every page: the name, the ways to go, who is logged in, and whether the service is there. The Hub's own pages
 *  begin with the same header (hub/outrider_hub/pages/templates/outrider_header.html). */

import { useConnection } from '@outrider/ui';
import { type ReactElement, type ReactNode, useSyncExternalStore } from 'react';
import { Link } from 'wouter';

import { ADMIN, HUB, USER } from './place.js';
import type { Place } from './routes.js';
import { switchTheme } from './theme.js';
import { login } from './transport.js';

const PAGES = [
  ['new', 'New job'],
  ['images', 'Images'],
  ['machines', 'Machines'],
  ['storage', 'Storage'],
  ['usage', 'Usage'],
  ['settings', 'Settings'],
] as const;

export function Frame({ place, children }: { place: Place; children: ReactNode }): ReactElement {
  const current = (here: boolean): 'page' | undefined => (here ? 'page' : undefined);
  return (
    <>
      <a
        className="portal-skip"
        href="#main"
        onClick={(event) => {
          // The page's base address is that of its files: a bare fragment would lead there.
          event.preventDefault();
          document.getElementById('main')?.focus();
        }}
      >
        Skip to content
      </a>
      <header className="portal-head">
        <Link href="/" className="portal-name">
          <Logo />
          Outrider
        </Link>
        <nav aria-label="Outrider">
          <Link href="/" aria-current={current(place.page === 'home')}>
            Home
          </Link>
          <a href={`${HUB}home`}>Notebooks</a>
          <Link href="/jobs" aria-current={current(place.page === 'jobs' || place.page === 'job')}>
            Jobs
          </Link>
          {PAGES.map(([page, words]) => (
            <Link key={page} href={`/${page}`} aria-current={current(place.page === page)}>
              {words}
            </Link>
          ))}
        </nav>
        <nav className="portal-hub" aria-label="JupyterHub">
          <a href={`${HUB}token`}>Tokens</a>
          {ADMIN && <a href={`${HUB}admin`}>Admin</a>}
          <span className="portal-user" title="Logged in as">
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
