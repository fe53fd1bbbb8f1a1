import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { unzipSync } from 'fflate';
import { expect, test } from 'vitest';

import { collect, TooManyFiles } from './collect.js';
import { given, pack, TooLarge } from './pack.js';
import { type Folder, folderOfFiles } from './tree.js';

const { signal } = new AbortController();

function folder(files: Record<string, string>): Folder {
  const made = folderOfFiles(
    Object.entries(files).map(([path, text]) => {
      const file = new File([text], path.split('/').at(-1) ?? path);
      Object.defineProperty(file, 'webkitRelativePath', { value: `project/${path}` });
      return file;
    }),
  );
  if (made === null) throw new Error('no files');
  return made;
}

const paths = (found: { entries: { path: string }[] }): string[] => found.entries.map(({ path }) => path);

test('ignore files of every directory are respected', async () => {
  const found = await collect(
    folder({
      '.git/config': '',
      '.gitignore': '*.log\n/data/\nbuild/\n',
      '.outriderignore': 'notes.txt\n!kept.log\n',
      'Train.LOG': 'case counts',
      'a.log': '',
      'kept.log': '',
      'notes.txt': '',
      'train.py': 'print()',
      'data/large.bin': '',
      'src/data/small.bin': '',
      'src/.gitignore': '!b.log\ntmp',
      'src/b.log': '',
      'src/tmp/x': '',
      'src/build/out': '',
      'src/__pycache__/x.pyc': '',
    }),
    signal,
  );
  expect(found.name).toBe('project');
  expect(paths(found)).toEqual([
    '.gitignore',
    '.outriderignore',
    'Train.LOG',
    'kept.log',
    'src/.gitignore',
    'src/b.log',
    'src/data/small.bin',
    'train.py',
  ]);
  expect(found.leftOut).toEqual(
    expect.arrayContaining(['a.log', 'data/', 'notes.txt', 'src/tmp/', 'src/build/', 'src/__pycache__/']),
  );
});

test('too many files are refused', async () => {
  await expect(collect(folder({ a: '', b: '', c: '' }), signal, 2)).rejects.toThrow(TooManyFiles);
});

test('the same files give the same zip and content ID', async () => {
  const files = { 'run.sh': '#!/bin/sh\necho', 'größe/a.txt': 'x'.repeat(300_000), empty: '' };
  const once = await pack((await collect(folder(files), signal)).entries, 1e6, () => undefined, signal);
  const again = await pack((await collect(folder(files), signal)).entries, 1e6, () => undefined, signal);
  expect(again.id).toBe(once.id);
  const bytes = new Uint8Array(await once.blob.arrayBuffer());
  expect(once.id).toBe(`sha256:${bytesToHex(sha256(bytes))}`);
  expect((await given(new File([bytes], 'x.zip'), signal)).id).toBe(once.id);
  const inside = unzipSync(bytes);
  expect(Object.keys(inside).sort()).toEqual(['empty', 'größe/a.txt', 'run.sh']);
  expect(inside['größe/a.txt']?.length).toBe(300_000);
});

test('packing stops at the size limit', async () => {
  const noise = Array.from({ length: 40_000 }, (_, i) => String(Math.imul(i, 2_654_435_761) >>> 0)).join('');
  const { entries } = await collect(folder({ noise, never: 'read' }), signal);
  await expect(pack(entries, 10_000, () => undefined, signal)).rejects.toThrow(TooLarge);
});
