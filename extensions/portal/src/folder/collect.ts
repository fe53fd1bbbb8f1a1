/**
 * Collects the files of a folder to upload, with the same ignore rules as the command line. Unlike there, Git cannot be
 * asked which ignored files are tracked, so all ignored files are excluded.
 */

import ignore, { type Ignore } from 'ignore';

import type { Folder, Leaf } from './tree.js';

export interface Entry {
  path: string;
  file: File;
}

export interface Collection {
  name: string;
  entries: Entry[];
  size: number;
  /** Excluded paths; a directory ends with a slash and stands for its contents. */
  leftOut: string[];
}

const USUAL = ['.idea/', '.pytest_cache/', '__pycache__/', '.ipynb_checkpoints/'];
const ALWAYS_LEFT_OUT = '.git';
const OWN_FILE = '.outriderignore';

/** The rules of one ignore file, relative to its directory. */
interface Layer {
  base: string;
  rules: Ignore;
}

export class TooManyFiles extends Error {}

export const MOST_FILES = 200_000;

export async function collect(root: Folder, signal: AbortSignal, most = MOST_FILES): Promise<Collection> {
  const found: Collection = { name: root.name, entries: [], size: 0, leftOut: [] };
  const usual = { base: '', rules: layer(USUAL.join('\n')) };
  await walk(root, '', [usual], [], found, signal, most);
  found.entries.sort((a, b) => (a.path < b.path ? -1 : 1));
  return found;
}

async function walk(
  folder: Folder,
  base: string,
  git: readonly Layer[],
  own: readonly Layer[],
  found: Collection,
  signal: AbortSignal,
  most: number,
): Promise<void> {
  signal.throwIfAborted();
  const items = await folder.list();
  const below = async (name: string, layers: readonly Layer[]): Promise<readonly Layer[]> => {
    const rules = items.find((item): item is Leaf => item.kind === 'file' && item.name === name);
    return rules === undefined
      ? layers
      : [...layers, { base, rules: layer(await (await rules.file()).text()) }];
  };
  const gitHere = await below('.gitignore', git);
  const ownHere = await below(OWN_FILE, own);
  for (const item of items) {
    if (item.name === ALWAYS_LEFT_OUT) continue;
    const path = base + item.name + (item.kind === 'folder' ? '/' : '');
    if (verdict(ownHere, path) ?? verdict(gitHere, path) ?? false) {
      found.leftOut.push(path);
    } else if (item.kind === 'folder') {
      await walk(item, path, gitHere, ownHere, found, signal, most);
    } else {
      const file = await item.file();
      found.entries.push({ path, file });
      found.size += file.size;
      if (found.entries.length > most) throw new TooManyFiles();
    }
  }
}

function layer(text: string): Ignore {
  return ignore({ ignorecase: false }).add(text);
}

/** Whether the path is ignored, by the innermost rules that match it; undefined if none does. */
function verdict(layers: readonly Layer[], path: string): boolean | undefined {
  for (const { base, rules } of [...layers].reverse()) {
    const said = rules.test(path.slice(base.length));
    if (said.ignored || said.unignored) return said.ignored;
  }
  return undefined;
}
