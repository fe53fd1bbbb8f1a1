/** The file to run as a job, and what can be derived from it for the form. */

import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Draft, Param } from '@outrider/ui';
import { quoted } from '@outrider/ui/submission';

import { assignments, imports } from './python.js';

export interface Subject {
  /** The file's path in the file browser. */
  path: string;
  kind: 'notebook' | 'script';
  kernel: string | null;
  imports: string[];
  params: { name: string; value: unknown }[];
}

const SCRIPTS: Record<string, string> = { py: 'python', sh: 'bash' };

/** The interpreter for a file extension; undefined if the file cannot be run. */
function programFor(path: string): string | undefined {
  return SCRIPTS[/\.(\w+)$/.exec(path)?.[1] ?? ''];
}

export function canRun(path: string): boolean {
  return path.endsWith('.ipynb') || programFor(path) !== undefined;
}

interface Cell {
  cell_type?: unknown;
  source?: unknown;
  metadata?: { tags?: unknown };
}

/** Reads the `parameters` cell, imports and kernel of a notebook. */
export function subjectOfNotebook(path: string, content: unknown): Subject {
  const { cells = [], metadata = {} } = (content ?? {}) as {
    cells?: Cell[];
    metadata?: { kernelspec?: { name?: unknown; language?: unknown }; language_info?: { name?: unknown } };
  };
  // The name is empty until a kernel has reported its language.
  const language = [metadata.language_info?.name, metadata.kernelspec?.language].find(Boolean);
  const python = language === undefined || language === 'python';
  const code = cells.filter((cell) => cell.cell_type === 'code');
  const tagged = code.find(
    (cell) => Array.isArray(cell.metadata?.tags) && cell.metadata.tags.includes('parameters'),
  );
  const kernel = metadata.kernelspec?.name;
  return {
    path,
    kind: 'notebook',
    kernel: typeof kernel === 'string' ? kernel : null,
    imports: python ? imports(code.map(sourceOf).join('\n')) : [],
    params: python && tagged !== undefined ? assignments(sourceOf(tagged)) : [],
  };
}

function sourceOf(cell: Cell): string {
  if (Array.isArray(cell.source)) return cell.source.join('');
  return typeof cell.source === 'string' ? cell.source : '';
}

export function subjectOfPanel(panel: NotebookPanel): Subject {
  return subjectOfNotebook(panel.context.path, panel.context.model.toJSON());
}

export function subjectOfScript(path: string, text: string): Subject {
  return {
    path,
    kind: 'script',
    kernel: null,
    imports: path.endsWith('.py') ? imports(text) : [],
    params: [],
  };
}

/** The initial form: defaults for the file, overridden by its last submission. */
export function draftOf(
  subject: Subject,
  base: Draft,
  image: string | null,
  remembered: Partial<Draft> | undefined,
  paramOf: (name: string, value: unknown) => Param,
): Draft {
  const name = subject.path.slice(subject.path.lastIndexOf('/') + 1);
  const fresh: Draft = {
    ...base,
    name,
    runs: subject.kind === 'notebook' ? 'notebook' : 'command',
    notebook: subject.kind === 'notebook' ? name : '',
    command: subject.kind === 'script' ? `${programFor(name) ?? ''} ${quoted(name)}` : '',
    image: image ?? '',
    workspace: 'folder',
    params: subject.params.map((param) => paramOf(param.name, param.value)),
  };
  if (remembered === undefined) return fresh;
  const earlier = new Map((remembered.params ?? []).map((param) => [param.name, param]));
  // The cell defines which parameters exist; their values come from the last submission.
  const params = fresh.params.map((param) => earlier.get(param.name) ?? param);
  const added = subject.params.length === 0 ? (remembered.params ?? []) : [];
  return {
    ...fresh,
    ...remembered,
    runs: fresh.runs,
    notebook: fresh.notebook,
    params: [...params, ...added],
  };
}
