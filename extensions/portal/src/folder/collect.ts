/**
 * Which files of a folder go along: by its `.gitignore` and `.outriderignore` files, as the command line decides. Without
 * Git there is nobody to ask what is tracked: what the rules name stays here.
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
  /** Paths that rules leave out; a directory ends with a slash and stands for all in it. */
  leftOut: string[];
}

const USUAL = ['.idea/', '.pytest_cache/', '__pycache__/', '.ipynb_checkpoints/'];
const ALWAYS_LEFT_OUT = '.git';
const OWN_FILE = '.outriderignore';

/** Rules of one file, which speak of paths below its directory. */
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

/** What the nearest rules that say anything say: whether it stays here. */
function verdict(layers: readonly Layer[], path: string): boolean | undefined {
  for (const { base, rules } of [...layers].reverse()) {
    const said = rules.test(path.slice(base.length));
    if (said.ignored || said.unignored) return said.ignored;
  }
  return undefined;
}
