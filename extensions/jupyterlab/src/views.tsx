/** The shared components as Lab shows them. Imported by name only where they are needed: this is the heavy part. */

import {
  type Job,
  JobList,
  JobPage,
  type JobView,
  type ListView,
  type Navigation,
  OutriderProvider,
} from '@outrider/ui';
import '@outrider/ui/style/index.css';
import { type ReactElement, type ReactNode } from 'react';

import type { Lab } from './lab.js';

interface FrameProps {
  lab: Lab;
  navigation: Navigation;
  className: string;
  children: ReactNode;
}

function Frame({ lab, navigation, className, children }: FrameProps): ReactElement {
  return (
    <OutriderProvider transport={lab.server.transport} navigation={navigation}>
      <div className={`outrider jp-Outrider ${className}`}>{children}</div>
    </OutriderProvider>
  );
}

interface JobProps {
  lab: Lab;
  navigation: Navigation;
  id: string;
  view: JobView;
  onView: (view: JobView) => void;
  onJob: (job: Job) => void;
  onDeleted: () => void;
}

export function JobTab({ lab, navigation, ...rest }: JobProps): ReactElement {
  return (
    <Frame lab={lab} navigation={navigation} className="jp-Outrider-job">
      <JobPage {...rest} />
    </Frame>
  );
}

interface JobsProps {
  lab: Lab;
  navigation: Navigation;
  view: ListView;
  onView: (view: ListView) => void;
}

export function JobsPanel({ lab, navigation, view, onView }: JobsProps): ReactElement {
  return (
    <Frame lab={lab} navigation={navigation} className="jp-Outrider-jobs">
      <JobList view={view} onView={onView} />
    </Frame>
  );
}
