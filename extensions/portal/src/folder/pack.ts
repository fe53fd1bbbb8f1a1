/**
 * Packs a folder into a reproducible zip: the same files give the same bytes, and so the same content ID, so that they
 * are uploaded only once. Files are streamed, and the result is a blob that the browser may keep on disk.
 */

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { Zip, ZipDeflate } from 'fflate';

import type { Entry } from './collect.js';

export interface Packed {
  id: string;
  blob: Blob;
}

export class TooLarge extends Error {}

/** The earliest time in zip files, which have no time zone. */
const EPOCH = new Date(1980, 0, 1);
const UNIX = 3;
const PLAIN = 0o100644;
const EXECUTABLE = 0o100755;
const PART = 8 * 2 ** 20;

/** `onProgress` receives the number of bytes read. Throws TooLarge once the zip exceeds `limit` bytes. */
export async function pack(
  entries: readonly Entry[],
  limit: number,
  onProgress: (done: number) => void,
  signal: AbortSignal,
): Promise<Packed> {
  const hash = sha256.create();
  let blob = new Blob();
  let part: Uint8Array<ArrayBuffer>[] = [];
  let held = 0;
  let size = 0;
  const failures: Error[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) failures.push(error);
    else if (chunk.length > 0) {
      const copy = new Uint8Array(chunk);
      hash.update(copy);
      part.push(copy);
      held += copy.length;
      size += copy.length;
    }
  });
  let done = 0;
  for (const { path, file } of entries) {
    const target = new ZipDeflate(path, { level: 6 });
    target.mtime = EPOCH;
    target.os = UNIX;
    target.attrs = ((await isProgram(file)) ? EXECUTABLE : PLAIN) << 16;
    zip.add(target);
    const reader = file.stream().getReader();
    for (;;) {
      const { done: over, value } = await reader.read();
      signal.throwIfAborted();
      if (over) break;
      target.push(value);
      done += value.length;
      onProgress(done);
      if (held > PART) {
        blob = new Blob([blob, ...part]);
        part = [];
        held = 0;
      }
      if (size > limit) throw new TooLarge();
      if (failures[0]) throw failures[0];
    }
    target.push(new Uint8Array(0), true);
  }
  zip.end();
  if (size > limit) throw new TooLarge();
  if (failures[0]) throw failures[0];
  blob = new Blob([blob, ...part], { type: 'application/zip' });
  return { id: `sha256:${bytesToHex(hash.digest())}`, blob };
}

/** Uses an existing zip unchanged. */
export async function given(file: File, signal: AbortSignal): Promise<Packed> {
  const hash = sha256.create();
  const reader = file.stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    signal.throwIfAborted();
    if (done) break;
    hash.update(value);
  }
  return { id: `sha256:${bytesToHex(hash.digest())}`, blob: file };
}

/** Browsers do not expose the executable bit; assume it for files that start with a shebang. */
async function isProgram(file: File): Promise<boolean> {
  const start = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  return start[0] === 0x23 && start[1] === 0x21;
}
