/** The output of `%%outrider`: the live job, with a saved snapshot for viewers without Outrider. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Job, JobView, Navigation } from '@outrider/ui';
import { lazy, type ReactElement } from 'react';

import type { Lab } from './lab.js';
import { isJob, type SavedJob, snapshotOf } from './snapshot.js';
import { ILab } from './token.js';
import { Later } from './widgets.js';

const JobTab = lazy(() => import('./views.js').then((module) => ({ default: module.JobTab })));
const MIME = 'application/vnd.outrider.job+json';

export const outputPlugin: JupyterFrontEndPlugin<void> = {
  id: '@outrider/jupyterlab:output',
  description: 'Shows jobs in cell output.',
  autoStart: true,
  requires: [ILab, IRenderMimeRegistry],
  activate: (_: JupyterFrontEnd, lab: Lab, rendermime: IRenderMimeRegistry) => {
    rendermime.addFactory(
      // Safe in untrusted notebooks: it renders text only, and calls only this page's server.
      { safe: true, mimeTypes: [MIME], createRenderer: () => new JobOutput(lab) },
      0,
    );
  },
};

class JobOutput extends ReactWidget implements IRenderMime.IRenderer {
  private model: IRenderMime.IMimeModel | null = null;
  private saved: SavedJob | null = null;
  private view: JobView = { tab: 'log' };
  private readonly ways: Navigation;

  constructor(private readonly lab: Lab) {
    super();
    this.addClass('jp-Outrider-output');
    this.ways = lab.navigation((target) => {
      if (target.page !== 'job' || target.id !== this.saved?.id || target.view === undefined) return false;
      this.look(target.view);
      return true;
    });
  }

  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.model = model;
    const data = model.data[MIME];
    this.saved = isJob(data) ? data : null;
    this.update();
    return Promise.resolve();
  }

  private readonly look = (view: JobView): void => {
    this.view = view;
    this.update();
  };

  /** Updates the snapshot in the file with the status of the job. */
  private readonly onJob = (job: Job): void => {
    const { model, saved } = this;
    if (model === null || saved === null || saved.status === job.status) return;
    this.saved = { ...saved, name: job.name, status: job.status };
    model.setData({ data: { ...model.data, ...snapshotOf(job) } });
  };

  protected override render(): ReactElement {
    if (this.saved === null) return <p>This output does not refer to a job.</p>;
    return (
      <Later>
        <JobTab
          lab={this.lab}
          navigation={this.ways}
          id={this.saved.id}
          view={this.view}
          onView={this.look}
          onJob={this.onJob}
          onDeleted={() => {
            this.update();
          }}
        />
      </Later>
    );
  }
}
