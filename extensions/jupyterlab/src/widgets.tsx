/** Lab widgets that host the shared components, which are loaded when first shown. */

import { ReactWidget } from '@jupyterlab/ui-components';
import type { Job, JobView, ListView, Navigation, Target } from '@outrider/ui';
import { lazy, type ReactElement, type ReactNode, Suspense } from 'react';

import { outriderIcon } from './icons.js';
import { type Lab } from './lab.js';

const JobTab = lazy(() => import('./views.js').then((module) => ({ default: module.JobTab })));
const JobsPanel = lazy(() => import('./views.js').then((module) => ({ default: module.JobsPanel })));
const Compared = lazy(() => import('./views.js').then((module) => ({ default: module.Compared })));

/** A fallback while the components load; it has its own style, as theirs are not loaded yet. */
export function Later({ children }: { children: ReactNode }): ReactElement {
  return (
    <Suspense
      fallback={
        <p className="jp-Outrider-loading" role="status">
          Loading …
        </p>
      }
    >
      {children}
    </Suspense>
  );
}

export class JobContent extends ReactWidget {
  private readonly ways: Navigation;

  constructor(
    private readonly lab: Lab,
    readonly jobId: string,
    public view: JobView,
    private readonly onViewed: (content: JobContent) => void,
  ) {
    super();
    this.addClass('jp-Outrider-main');
    this.ways = lab.navigation((target: Target) => {
      if (target.page !== 'job' || target.id !== jobId) return false;
      this.look(target.view ?? { tab: 'overview' });
      return true;
    });
    this.title.label = jobId;
    this.title.icon = outriderIcon;
    this.title.closable = true;
  }

  readonly look = (view: JobView): void => {
    this.view = view;
    this.onViewed(this);
    this.update();
  };

  private readonly onJob = (job: Job): void => {
    this.title.label = job.name;
    this.title.caption = `${job.name} (${job.status})`;
  };

  protected override render(): ReactElement {
    return (
      <Later>
        <JobTab
          lab={this.lab}
          navigation={this.ways}
          id={this.jobId}
          view={this.view}
          onView={this.look}
          onJob={this.onJob}
          onDeleted={() => this.parent?.close()}
        />
      </Later>
    );
  }
}

export class JobsContent extends ReactWidget {
  private view: ListView = {};
  private readonly ways: Navigation;

  constructor(private readonly lab: Lab) {
    super();
    this.ways = lab.navigation((target) => {
      if (target.page !== 'jobs') return false;
      this.look(target.query ?? {});
      return true;
    });
    this.id = 'outrider-jobs';
    this.addClass('jp-Outrider-panel');
    this.title.icon = outriderIcon;
    this.title.caption = 'Outrider jobs';
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Outrider jobs');
  }

  readonly look = (view: ListView): void => {
    this.view = view;
    this.update();
  };

  protected override render(): ReactElement {
    // A hidden panel loads nothing and sends no requests.
    if (!this.isVisible) return <></>;
    return (
      <Later>
        <JobsPanel lab={this.lab} navigation={this.ways} view={this.view} onView={this.look} />
      </Later>
    );
  }

  protected override onAfterShow(): void {
    this.update();
  }

  protected override onAfterHide(): void {
    this.update();
  }
}

export class CompareContent extends ReactWidget {
  private readonly ways: Navigation;

  constructor(
    private readonly lab: Lab,
    readonly ids: readonly string[],
  ) {
    super();
    this.ways = lab.navigation();
    this.addClass('jp-Outrider-main');
    this.title.label = `Compare ${String(ids.length)} jobs`;
    this.title.icon = outriderIcon;
    this.title.closable = true;
  }

  protected override render(): ReactElement {
    return (
      <Later>
        <Compared lab={this.lab} navigation={this.ways} ids={this.ids} />
      </Later>
    );
  }
}
