/** A read-only view of the notebook that a job executes, updated cell by cell. Loaded lazily. */

import type { ICodeCellModel } from '@jupyterlab/cells';
import type { IEditorMimeTypeService } from '@jupyterlab/codeeditor';
import type { INotebookContent, IOutput } from '@jupyterlab/nbformat';
import { NotebookModel, type NotebookPanel, StaticNotebook } from '@jupyterlab/notebook';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ReactWidget } from '@jupyterlab/ui-components';
import { escapePath, hasEnded, type Job } from '@outrider/ui';
import { Panel } from '@lumino/widgets';
import type { ReactElement } from 'react';

import { outriderIcon } from './icons.js';
import type { Lab } from './lab.js';
import { ResultHead } from './views.js';

export interface Parts {
  rendermime: IRenderMimeRegistry;
  contentFactory: NotebookPanel.IContentFactory;
  mimeTypeService: IEditorMimeTypeService;
}

const AGAIN_MS = 2_000;

/** Artifact path of the executed notebook. */
function resultPath(job: Pick<Job, 'notebook'>): string {
  return (job.notebook ?? '').split('/').pop() ?? '';
}

export class ResultContent extends Panel {
  private readonly notebook: StaticNotebook;
  private shown: INotebookContent | null = null;
  private asking = false;
  private again = false;
  private retry: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly lab: Lab,
    readonly jobId: string,
    parts: Parts,
  ) {
    super();
    this.addClass('jp-Outrider-result');
    this.title.icon = outriderIcon;
    this.title.label = jobId;
    this.title.closable = true;
    const editor = StaticNotebook.defaultEditorConfig;
    const still = { readOnly: true };
    this.notebook = new StaticNotebook({
      ...parts,
      rendermime: parts.rendermime.clone(),
      editorConfig: {
        code: { ...editor.code, ...still },
        markdown: { ...editor.markdown, ...still },
        raw: { ...editor.raw, ...still },
      },
      notebookConfig: { ...StaticNotebook.defaultNotebookConfig, windowingMode: 'none' },
    });
    this.notebook.addClass('jp-Outrider-notebook');
    this.addWidget(new Header(lab, jobId, this.onJob));
    this.addWidget(this.notebook);
  }

  override dispose(): void {
    clearTimeout(this.retry);
    super.dispose();
  }

  /** The job record changes whenever a cell finishes. */
  private readonly onJob = (job: Job): void => {
    this.title.label = `${resultPath(job)} (${job.status})`;
    void this.look(job);
  };

  private async look(job: Job): Promise<void> {
    clearTimeout(this.retry);
    if (this.asking) {
      this.again = true;
      return;
    }
    this.asking = true;
    try {
      const path = `/jobs/${encodeURIComponent(job.id)}/artifacts/${escapePath(resultPath(job))}`;
      const answer = await this.lab.server.transport.fetch(path);
      if (answer.ok && !this.isDisposed) this.draw((await answer.json()) as INotebookContent);
      // The notebook does not exist until the kernel has started.
      else if (!hasEnded(job)) this.later(job);
    } catch {
      this.later(job);
    } finally {
      this.asking = false;
    }
    if (this.again) {
      this.again = false;
      await this.look(job);
    }
  }

  private later(job: Job): void {
    if (this.isDisposed) return;
    this.retry = setTimeout(() => {
      void this.look(job);
    }, AGAIN_MS);
  }

  private draw(content: INotebookContent): void {
    const before = this.shown;
    this.shown = content;
    const { model } = this.notebook;
    const same =
      model !== null &&
      before?.cells.length === content.cells.length &&
      content.cells.every((cell, i) => cell.source === before.cells[i]?.source);
    if (!same) {
      const fresh = new NotebookModel();
      fresh.fromJSON(content);
      this.notebook.model = fresh;
      model?.dispose();
      return;
    }
    // Update only the changed cells, to keep the scroll position.
    content.cells.forEach((cell, i) => {
      if (cell.cell_type !== 'code' || JSON.stringify(cell) === JSON.stringify(before.cells[i])) return;
      const held = model.cells.get(i) as ICodeCellModel;
      held.executionCount = cell.execution_count as number | null;
      held.outputs.fromJSON(cell.outputs as IOutput[]);
    });
  }
}

class Header extends ReactWidget {
  private readonly ways;

  constructor(
    private readonly lab: Lab,
    private readonly jobId: string,
    private readonly onJob: (job: Job) => void,
  ) {
    super();
    this.ways = lab.navigation();
  }

  protected override render(): ReactElement {
    return <ResultHead lab={this.lab} navigation={this.ways} id={this.jobId} onJob={this.onJob} />;
  }
}
