/** The application: routing from URLs to pages, and the frame around them. */

import {
  Compare,
  type Job,
  JobList,
  JobPage,
  Loading,
  type JobView,
  type ListView,
  type Navigation,
  OutriderProvider,
  type Target,
  useApi,
  useLoaded,
} from '@outrider/ui';
import { lazy, type ReactElement, Suspense, useCallback, useEffect, useMemo, useRef } from 'react';
import { Router, useLocation, useSearch } from 'wouter';

import { Frame } from './Frame.js';
import { Home } from './Home.js';
import { Images } from './pages/Images.js';
import { Machines } from './pages/Machines.js';
import { Settings } from './pages/Settings.js';
import { Storage } from './pages/Storage.js';
import { Usage } from './pages/Usage.js';
import { PREFIX } from './place.js';
import { addressOf, parse, type Place } from './routes.js';
import { transport } from './transport.js';

/** Loaded lazily, because it includes the zip library. */
const NewJob = lazy(() => import('./pages/NewJob.js'));

const TITLES: Partial<Record<Place['page'], string>> = {
  jobs: 'Jobs',
  new: 'New job',
  images: 'Images',
  machines: 'Machines',
  storage: 'Storage',
  usage: 'Usage',
  settings: 'Settings',
};

export function App(): ReactElement {
  return (
    <Router base={PREFIX.replace(/\/$/, '')}>
      <Pages />
    </Router>
  );
}

function Pages(): ReactElement {
  const [path, setLocation] = useLocation();
  const search = useSearch();
  const place = useMemo(() => parse(path.replace(/^\//, ''), search), [path, search]);
  const go = useRef(setLocation);
  useEffect(() => {
    go.current = setLocation;
  });
  const navigation: Navigation = useMemo(
    () => ({
      href: (target) => `${PREFIX}${addressOf(target)}`,
      go: (target, options) => {
        go.current(`/${addressOf(target)}`, options);
        if (options?.replace !== true) window.scrollTo(0, 0);
      },
    }),
    [],
  );
  return (
    <OutriderProvider transport={transport} navigation={navigation}>
      <Frame place={place}>
        <Page place={place} navigation={navigation} />
      </Frame>
    </OutriderProvider>
  );
}

function Page({ place, navigation }: { place: Place; navigation: Navigation }): ReactElement {
  const id = place.page === 'job' ? place.id : '';
  const onJobView = useCallback(
    (view: JobView, options?: { replace?: boolean }) => {
      navigation.go({ page: 'job', id, view }, options);
    },
    [navigation, id],
  );
  const onList = useCallback(
    (view: ListView, options?: { replace?: boolean }) => {
      navigation.go(
        { page: 'jobs', query: view as NonNullable<Extract<Target, { page: 'jobs' }>['query']> },
        options,
      );
    },
    [navigation],
  );
  const toJobs = useCallback(() => {
    navigation.go({ page: 'jobs' });
  }, [navigation]);
  useEffect(() => {
    const title = TITLES[place.page];
    document.title = title === undefined ? 'Outrider' : `${title} · Outrider`;
  }, [place.page, id]);
  const arrived = useRef(false);
  useEffect(() => {
    // Move the focus to a new page for keyboard and screen reader users, but not on the first load.
    if (arrived.current) document.getElementById('main')?.focus({ preventScroll: true });
    arrived.current = true;
  }, [place.page, id]);
  const onJob = useCallback((job: Job) => {
    document.title = `${job.name} (${job.status}) · Outrider`;
  }, []);
  switch (place.page) {
    case 'home':
      return <Home />;
    case 'jobs':
      return <Jobs view={place.view} onView={onList} />;
    case 'job':
      return (
        <JobPage key={id} id={id} view={place.view} onView={onJobView} onDeleted={toJobs} onJob={onJob} />
      );
    case 'compare':
      return <Compare ids={place.ids} />;
    case 'new':
      return (
        <Suspense fallback={<Loading />}>
          <NewJob step={place.step} query={place.query} />
        </Suspense>
      );
    case 'images':
      return <Images />;
    case 'machines':
      return <Machines />;
    case 'storage':
      return <Storage key={place.path} path={place.path} />;
    case 'usage':
      return <Usage view={place.view} />;
    case 'settings':
      return <Settings />;
    case 'lost':
      return (
        <div className="or-empty">
          <h1>Page not found</h1>
          <a href={PREFIX}>Home</a>
        </div>
      );
  }
}

function Jobs({
  view,
  onView,
}: {
  view: ListView;
  onView: (view: ListView, options?: { replace?: boolean }) => void;
}): ReactElement {
  const api = useApi();
  const me = useLoaded('me', (signal) => api.me(signal));
  const several =
    (me.value?.groups.length ?? 0) > 0 || me.value?.scopes.includes('custom:outrider:jobs:read') === true;
  return (
    <>
      <h1>Jobs</h1>
      <JobList view={view} onView={onView} owners={several} />
    </>
  );
}
