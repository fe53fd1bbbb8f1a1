/**
 * Geometry of a virtual list with millions of lines of equal height. Browsers limit the height of an element, so beyond
 * that limit the scroll range is scaled down. Pure.
 *
 * `top` is the distance in pixels from the first line to the top of the viewport. It is the source of truth; the scroll
 * bar's position is derived from it.
 */

/** Below the limits of browsers: about 17 (Firefox) to 33 (Chromium) million pixels. */
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

/** Height of the scrolled element. */
export function scrollHeight(geometry: Geometry): number {
  return Math.min(textHeight(geometry), TALLEST);
}

export function largestTop(geometry: Geometry): number {
  return Math.max(0, textHeight(geometry) - geometry.viewport);
}

export function clampTop(geometry: Geometry, top: number): number {
  return Math.min(Math.max(0, top), largestTop(geometry));
}

/** Text pixels per scrolled pixel; 1 unless the text is taller than browsers allow. */
export function scale(geometry: Geometry): number {
  const range = scrollHeight(geometry) - geometry.viewport;
  return range <= 0 ? 1 : largestTop(geometry) / range;
}

export function scrollOf(geometry: Geometry, top: number): number {
  return clampTop(geometry, top) / scale(geometry);
}

export function topOf(geometry: Geometry, scroll: number): number {
  return clampTop(geometry, scroll * scale(geometry));
}

/** Numbers (from 1) of the first and last line to render: the visible ones and a margin on each side. */
export function visible(geometry: Geometry, top: number, margin = 10): [number, number] {
  const first = Math.floor(top / geometry.lineHeight) + 1 - margin;
  const last = Math.ceil((top + geometry.viewport) / geometry.lineHeight) + margin;
  return [Math.max(1, first), Math.min(geometry.lines, last)];
}

/** Offset of line `n` from the top of the viewport. */
export function offsetOf(geometry: Geometry, top: number, n: number): number {
  return (n - 1) * geometry.lineHeight - top;
}

/** The `top` that centres line `n`. */
export function centred(geometry: Geometry, n: number): number {
  return clampTop(geometry, (n - 0.5) * geometry.lineHeight - geometry.viewport / 2);
}

/** The `top` closest to the current one at which line `n` is visible. */
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

/** Indexes of the chunks that contain lines `first` to `last`. */
export function chunksOf(first: number, last: number): number[] {
  if (last < first) return [];
  const from = chunkOf(first);
  return Array.from({ length: chunkOf(last) - from + 1 }, (_, i) => from + i);
}

/** Chunks to evict so that `most` remain: those farthest from `around`, but never the last ones. */
export function farthest(held: Iterable<number>, around: number, end: number, most: number): number[] {
  const chunks = [...held];
  const surplus = chunks.length - most;
  if (surplus <= 0) return [];
  return chunks
    .filter((chunk) => chunk < end - 1)
    .sort((a, b) => Math.abs(b - around) - Math.abs(a - around))
    .slice(0, surplus);
}
