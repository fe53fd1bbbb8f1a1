/**
 * The x axis that charts share: the job's steps, or time since its start. Job metrics have both; system metrics have
 * only a time and are mapped to steps by it. Pure.
 */

export type Axis = 'step' | 'time';

export interface Columns {
  x: number[];
  y: number[];
  time: number[];
  line: number[];
}

/** Which step the job had reached at which time; both ascending. */
export interface Course {
  time: number[];
  step: number[];
}

/** The course of a job, from its longest series; null if no series has two points. */
export function courseOf(series: Iterable<Columns>): Course | null {
  let longest: Columns | null = null;
  for (const one of series) if (one.x.length > (longest?.x.length ?? 1)) longest = one;
  if (longest === null) return null;
  const course: Course = { time: [], step: [] };
  let last = -Infinity;
  longest.time.forEach((time, i) => {
    const step = longest.x[i] ?? 0;
    // After resuming from a checkpoint steps repeat; skip them until they pass the furthest step.
    if (step <= last) return;
    course.time.push(time);
    course.step.push(step);
    last = step;
  });
  return course.time.length > 1 ? course : null;
}

/** The step at a time, linearly interpolated and clamped at both ends. */
export function stepAt(course: Course, time: number): number {
  const { time: times, step } = course;
  const after = firstAbove(times, time);
  if (after === 0) return step[0] ?? 0;
  if (after >= times.length) return step[times.length - 1] ?? 0;
  const [t0, t1] = [times[after - 1] ?? 0, times[after] ?? 0];
  const [s0, s1] = [step[after - 1] ?? 0, step[after] ?? 0];
  return t1 === t0 ? s1 : s0 + ((time - t0) / (t1 - t0)) * (s1 - s0);
}

/** Index of the first value above `wanted` in an ascending list; its length if there is none. */
function firstAbove(values: readonly number[], wanted: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] ?? 0) > wanted) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A series ready to draw: sorted by x, and with only the last of several points at the same x. */
export function placed(
  columns: Columns,
  system: boolean,
  axis: Axis,
  origin: number,
  course: Course | null,
): Columns {
  const place = (i: number): number => {
    const time = columns.time[i] ?? 0;
    if (axis === 'time') return time - origin;
    if (!system) return columns.x[i] ?? 0;
    return course === null ? time - origin : stepAt(course, time);
  };
  const at = columns.y.map((_, i) => place(i));
  const order = at.map((_, i) => i);
  if (!isAscending(at)) order.sort((a, b) => (at[a] ?? 0) - (at[b] ?? 0) || a - b);
  const kept = order.filter((i, position) => {
    const next = order[position + 1];
    return next === undefined || at[next] !== at[i];
  });
  const pick = (values: number[]): number[] => kept.map((i) => values[i] ?? 0);
  return { x: pick(at), y: pick(columns.y), time: pick(columns.time), line: pick(columns.line) };
}

function isAscending(values: readonly number[]): boolean {
  for (let i = 1; i < values.length; i += 1) if ((values[i] ?? 0) <= (values[i - 1] ?? 0)) return false;
  return true;
}

/** Index of the value nearest to `wanted` in an ascending list; -1 for an empty one. */
export function nearest(values: readonly number[], wanted: number): number {
  const after = firstAbove(values, wanted);
  if (after === 0) return values.length === 0 ? -1 : 0;
  if (after >= values.length) return values.length - 1;
  return wanted - (values[after - 1] ?? 0) <= (values[after] ?? 0) - wanted ? after - 1 : after;
}
