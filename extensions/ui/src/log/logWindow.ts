/**
 * Where lines are when a million of them scroll. Every line is equally high; browsers cannot make an element as high
 * as all of them together, so beyond a limit the scroll bar's way is shorter than the text's. Pure.
 *
 * `top` is the distance in pixels from the first line to the upper edge of the view; it is the truth, and the scroll
 * bar's position follows from it.
 */

/** Browsers stop at some 17 (Firefox) to 33 (Chromium) million pixels. */
export const TALLEST = 15_000_000;
export const CHUNK = 500;

export interface Geometry {
  lines: number;
  lineHeight: number;
  viewport: number;
}

function textHeight({ lines, lineHeight }: Geometry): number {
  return lines * lineHeight;
}

/** How high the element is that makes the scroll bar. */
export function scrollHeight(geometry: Geometry): number {
  return Math.min(textHeight(geometry), TALLEST);
}

export function largestTop(geometry: Geometry): number {
  return Math.max(0, textHeight(geometry) - geometry.viewport);
}

export function clampTop(geometry: Geometry, top: number): number {
  return Math.min(Math.max(0, top), largestTop(geometry));
}

/** Pixels of text for each pixel of the scroll bar; 1 unless the text is taller than a browser allows. */
export function scale(geometry: Geometry): number {
  const way = scrollHeight(geometry) - geometry.viewport;
  return way <= 0 ? 1 : largestTop(geometry) / way;
}

export function scrollOf(geometry: Geometry, top: number): number {
  return clampTop(geometry, top) / scale(geometry);
}

export function topOf(geometry: Geometry, scroll: number): number {
  return clampTop(geometry, scroll * scale(geometry));
}

/** Numbers (from 1) of the first and last line to draw: those in view, and some on each side. */
export function visible(geometry: Geometry, top: number, margin = 10): [number, number] {
  const first = Math.floor(top / geometry.lineHeight) + 1 - margin;
  const last = Math.ceil((top + geometry.viewport) / geometry.lineHeight) + margin;
  return [Math.max(1, first), Math.min(geometry.lines, last)];
}

/** Where line `n` is drawn, measured from the upper edge of the view. */
export function offsetOf(geometry: Geometry, top: number, n: number): number {
  return (n - 1) * geometry.lineHeight - top;
}

/** The `top` that shows line `n` in the middle. */
export function centred(geometry: Geometry, n: number): number {
  return clampTop(geometry, (n - 0.5) * geometry.lineHeight - geometry.viewport / 2);
}

/** The `top` nearest to the present one that has line `n` in view. */
export function revealing(geometry: Geometry, top: number, n: number): number {
  const offset = offsetOf(geometry, top, n);
  if (offset < 0) return clampTop(geometry, top + offset);
  const below = offset + geometry.lineHeight - geometry.viewport;
  return below > 0 ? clampTop(geometry, top + below) : top;
}

export function isAtEnd(geometry: Geometry, top: number): boolean {
  return top >= largestTop(geometry) - geometry.lineHeight / 2;
}

/** Index of the chunk that holds line `n`. */
export function chunkOf(n: number): number {
  return Math.floor((n - 1) / CHUNK);
}

/** Indexes of the chunks that lines `first` to `last` lie in. */
export function chunksOf(first: number, last: number): number[] {
  if (last < first) return [];
  const from = chunkOf(first);
  return Array.from({ length: chunkOf(last) - from + 1 }, (_, i) => from + i);
}

/** Chunks to forget so that `most` are left: those farthest from the one in view, never the last ones. */
export function farthest(held: Iterable<number>, around: number, end: number, most: number): number[] {
  const chunks = [...held];
  const surplus = chunks.length - most;
  if (surplus <= 0) return [];
  return chunks
    .filter((chunk) => chunk < end - 1)
    .sort((a, b) => Math.abs(b - around) - Math.abs(a - around))
    .slice(0, surplus);
}
