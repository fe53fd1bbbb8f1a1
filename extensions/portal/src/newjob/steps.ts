/** The steps of the new-job wizard: order, fields and problems. Pure. */

import { type Draft, type Problems, problemsOf } from '@outrider/ui';

export const STEPS = ['image', 'machine', 'command', 'workspace', 'extras', 'review'] as const;
export type Step = (typeof STEPS)[number];

export const TITLES: Record<Step, string> = {
  image: 'Image',
  machine: 'Machine',
  command: 'Command',
  workspace: 'Workspace',
  extras: 'Ports and environment',
  review: 'Review',
};

/** An uploaded workspace, with its original name. */
export interface Upload {
  name: string;
  id: string;
  files: number;
  size: number;
}

/** The whole form. `draft.workspace` is `folder` for an upload from this computer. */
export interface Filled {
  draft: Draft;
  upload: Upload | null;
}

/** The step of each submission field; others belong to `extras`. */
const FIELDS: Partial<Record<string, Step>> = {
  image: 'image',
  machine: 'machine',
  cluster: 'machine',
  name: 'command',
  command: 'command',
  notebook: 'command',
  args: 'command',
  params: 'command',
  workspace: 'workspace',
};

export function stepOf(field: string): Step {
  return FIELDS[field.split('.')[0] ?? ''] ?? 'extras';
}

export function isStep(text: string): text is Step {
  return (STEPS as readonly string[]).includes(text);
}

/** The draft to submit, with the upload as its snapshot workspace. */
export function ready({ draft, upload }: Filled): Draft {
  if (draft.workspace !== 'folder') return draft;
  return upload === null
    ? { ...draft, workspace: 'none' }
    : { ...draft, workspace: 'kept', kept: { type: 'snapshot', id: upload.id } };
}

/** Problems by field. */
export function problems(filled: Filled): Problems {
  const found = problemsOf(ready(filled));
  if (filled.draft.workspace === 'folder' && filled.upload === null)
    found.workspace = 'Choose a folder or zip file, or select a different workspace.';
  return found;
}

export function problemsOn(step: Step, all: Problems): Problems {
  return Object.fromEntries(Object.entries(all).filter(([field]) => stepOf(field) === step));
}

export function after(step: Step): Step {
  return STEPS[Math.min(STEPS.indexOf(step) + 1, STEPS.length - 1)] ?? 'review';
}

export function before(step: Step): Step | null {
  return STEPS[STEPS.indexOf(step) - 1] ?? null;
}

/** The first step that still needs input. */
export function firstStep({ draft }: Filled): Step {
  if (draft.image === '') return 'image';
  return draft.machine === '' ? 'machine' : 'command';
}

/** The value of --workspace for the equivalent command. */
export function workspaceWord({ draft, upload }: Filled): string {
  if (draft.workspace === 'git') return draft.url.trim() + (draft.ref.trim() && `@${draft.ref.trim()}`);
  if (draft.workspace === 'folder' && upload !== null) return `./${upload.name}`;
  return draft.workspace === 'kept' ? '.' : 'none';
}
