/** Turns a folder on this computer into a workspace: collects, compresses and uploads it unless it exists already. */

import { ApiError, bytes, sentence, useApi } from '@outrider/ui';
import { useCallback, useEffect, useRef, useState } from 'react';

import { collect, type Collection, MOST_FILES, TooManyFiles } from '../folder/collect.js';
import { given, pack, type Packed, TooLarge } from '../folder/pack.js';
import type { Item } from '../folder/tree.js';
import { send } from '../upload.js';
import type { Upload } from './steps.js';

const LARGEST_SHOWN = 5;

export interface Largest {
  path: string;
  size: number;
}

export type Sending =
  | { phase: 'idle' }
  | { phase: 'busy'; words: string; share: number | undefined }
  | { phase: 'sent'; upload: Upload; leftOut: string[]; known: boolean }
  | { phase: 'failed'; message: string; largest: Largest[] };

interface Use {
  state: Sending;
  take: (item: Item) => void;
  cancel: () => void;
}

/** `limit` is in bytes; `onUpload` receives the upload, or null when a new one starts. */
export function useFolder(limit: number, onUpload: (upload: Upload | null) => void): Use {
  const api = useApi();
  const [state, setState] = useState<Sending>({ phase: 'idle' });
  const running = useRef<AbortController | null>(null);
  useEffect(
    () => () => {
      // Abort the upload when the user leaves the step.
      running.current?.abort();
    },
    [],
  );
  const cancel = useCallback((): void => {
    running.current?.abort();
    setState({ phase: 'idle' });
  }, []);

  const take = (item: Item): void => {
    running.current?.abort();
    const mine = new AbortController();
    running.current = mine;
    const { signal } = mine;
    const say = (words: string, share?: number): void => {
      if (!signal.aborted) setState({ phase: 'busy', words, share });
    };
    onUpload(null);
    const refused = (message: string, found?: Collection): void => {
      if (!signal.aborted) setState({ phase: 'failed', message, largest: largestOf(found) });
    };
    void (async () => {
      let found: Collection | undefined;
      try {
        say(`Scanning ${item.name} …`);
        let packed: Packed;
        let count = 0;
        if (item.kind === 'folder') {
          found = await collect(item, signal);
          count = found.entries.length;
          if (count === 0) {
            refused(`${item.name} has no files to upload.`);
            return;
          }
          const { size, entries } = found;
          const tell = throttled((done: number) => {
            say(`Compressing ${String(entries.length)} files (${bytes(size)}) …`, size > 0 ? done / size : 1);
          });
          packed = await pack(entries, limit, tell, signal);
        } else {
          const file = await item.file();
          if (!/\.zip$/i.test(file.name)) {
            refused(`${file.name} is not a folder or zip file.`);
            return;
          }
          if (file.size > limit) throw new TooLarge();
          packed = await given(file, signal);
        }
        say('Checking for an existing upload …');
        const { id, blob } = packed;
        const had = await api.snapshot(id, signal);
        const made =
          had ??
          ((await send(
            'POST',
            '/snapshots',
            blob,
            item.name,
            throttled((share) => {
              say(`Uploading ${bytes(blob.size)} …`, share);
            }),
            signal,
          )) as { id: string; files: number; size: number });
        signal.throwIfAborted();
        const upload = { name: item.name, id: made.id, files: made.files, size: made.size };
        setState({ phase: 'sent', upload, leftOut: found?.leftOut ?? [], known: had !== null });
        onUpload(upload);
      } catch (error) {
        if (error instanceof TooLarge)
          refused(
            `${item.name} exceeds the workspace limit of ${bytes(limit)} after compression. ` +
              'Exclude files with .outriderignore, and put data in /storage.',
            found,
          );
        else if (error instanceof TooManyFiles)
          refused(
            `${item.name} has more than ${String(MOST_FILES)} files. Exclude some with .outriderignore.`,
          );
        else if (error instanceof DOMException && error.name === 'NotReadableError')
          refused('A file could not be read. It may have changed; choose the folder again.');
        else refused(error instanceof ApiError ? error.message : sentence(error), found);
      }
    })();
  };
  return { state, take, cancel };
}

function largestOf(found: Collection | undefined): Largest[] {
  return (found?.entries ?? [])
    .map(({ path, file }) => ({ path, size: file.size }))
    .sort((a, b) => b.size - a.size)
    .slice(0, LARGEST_SHOWN);
}

/** Limits progress updates to ten per second. */
function throttled(tell: (value: number) => void): (value: number) => void {
  let next = 0;
  return (value) => {
    const now = performance.now();
    if (now < next) return;
    next = now + 100;
    tell(value);
  };
}
