/** Panning a zoomed chart. */

import type uPlot from 'uplot';

type Range = [number, number];

/** The range shifted by `by`, limited to the data. Pure. */
export function panned([min, max]: Range, [first, last]: Range, by: number): Range {
  const length = max - min;
  if (length >= last - first) return [first, last];
  const start = Math.min(Math.max(min + by, first), last - length);
  return [start, start + length];
}

interface Now {
  /** The zoomed range; null if the chart is not zoomed, and cannot pan. */
  range: Range | null;
  whole: Range;
  onRange: (range: Range) => void;
}

/** Horizontal scrolling, or the wheel with Shift, pans; vertical scrolling still scrolls the page. */
export function listenForWheel(u: uPlot, now: () => Now): () => void {
  const onWheel = (event: WheelEvent): void => {
    const { range, whole, onRange } = now();
    const turned = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
    if (range === null || turned === 0 || Math.abs(turned) < Math.abs(event.deltaY) * Number(!event.shiftKey))
      return;
    event.preventDefault();
    onRange(panned(range, whole, (turned / u.over.clientWidth) * (range[1] - range[0])));
  };
  u.over.addEventListener('wheel', onWheel, { passive: false });
  return () => {
    u.over.removeEventListener('wheel', onWheel);
  };
}
