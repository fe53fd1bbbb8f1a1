import { EMPTY_DRAFT } from '@outrider/ui';
import { expect, test } from 'vitest';

import { filledOf, newJobAddress, queryOf } from './address.js';
import { type Filled, firstStep, problems, problemsOn, ready, stepOf, workspaceWord } from './steps.js';

const ID = `sha256:${'a'.repeat(64)}`;
const FILLED: Filled = {
  draft: {
    ...EMPTY_DRAFT,
    name: 'Fine-tune',
    image: 'outrider/python',
    machine: 'small',
    command: 'python train.py && echo "done"',
    workspace: 'folder',
    params: [
      { name: 'lr', type: 'number', text: '0.1' },
      { name: 'label', type: 'text', text: '7' },
    ],
    ports: '8080',
    isPublic: true,
  },
  upload: { id: ID, name: 'project', files: 3, size: 1000 },
};

test('a URL contains the form, but no values of variables', () => {
  expect(filledOf(queryOf(FILLED))).toEqual(FILLED);
  const secretive = { ...FILLED, draft: { ...FILLED.draft, env: [{ name: 'TOKEN', text: 'hush' }] } };
  expect(newJobAddress('review', secretive)).toMatch(/^\/new\/review\?/);
  expect(newJobAddress('review', secretive)).not.toMatch(/TOKEN|hush/);
  expect(newJobAddress('image', filledOf(''))).toBe('/new/image');
});

test('a repository round-trips, and invalid values are ignored', () => {
  const git: Filled = {
    draft: { ...EMPTY_DRAFT, command: 'make', workspace: 'git', url: 'https://example.org/a.git', ref: 'v1' },
    upload: null,
  };
  expect(filledOf(queryOf(git))).toEqual(git);
  expect(workspaceWord(git)).toBe('https://example.org/a.git@v1');
  expect(filledOf('snapshot=../../etc&files=many')).toEqual({ draft: EMPTY_DRAFT, upload: null });
});

test('the wizard starts at the first incomplete step', () => {
  expect(firstStep(filledOf(''))).toBe('image');
  expect(firstStep(filledOf('image=a'))).toBe('machine');
  expect(firstStep(filledOf('image=a&machine=b'))).toBe('command');
});

test('problems appear on the step that can fix them', () => {
  const empty = problems({ draft: { ...EMPTY_DRAFT, workspace: 'folder', ports: '80' }, upload: null });
  expect(Object.keys(problemsOn('command', empty))).toEqual(['command']);
  expect(Object.keys(problemsOn('workspace', empty))).toEqual(['workspace']);
  expect(Object.keys(problemsOn('extras', empty))).toEqual(['ports']);
  expect(stepOf('workspace.id')).toBe('workspace');
  expect(problems(FILLED)).toEqual({});
});

test('an upload is submitted as a snapshot', () => {
  expect(ready(FILLED)).toMatchObject({ workspace: 'kept', kept: { type: 'snapshot', id: ID } });
});
