/** Smoothing and downsampling of series. Pure. */

/**
 * Exponential moving average, corrected for its bias towards zero at the start. `weight` 0 means no smoothing. Values
 * that are not finite are passed through and ignored by the average.
 */
export function smooth(values: readonly number[], weight: number): number[] {
  if (weight <= 0) return [...values];
  let sum = 0;
  let share = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    sum = weight * sum + (1 - weight) * value;
    share = weight * share + (1 - weight);
    return sum / share;
  });
}

/**
 * Min-max downsampling: ascending indexes of at most about `most` points that draw the same picture. Keeps the minimum
 * and maximum of each bucket, and the first and last point.
 */
export function thin(values: readonly number[], most: number): number[] {
  const n = values.length;
  if (n <= most || most < 4) return values.map((_, i) => i);
  const buckets = Math.floor((most - 2) / 2);
  const chosen = [0];
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const from = 1 + Math.floor((bucket * (n - 2)) / buckets);
    const to = 1 + Math.floor(((bucket + 1) * (n - 2)) / buckets);
    let low = from;
    let high = from;
    for (let i = from; i < to; i += 1) {
      if ((values[i] ?? 0) < (values[low] ?? 0)) low = i;
      if ((values[i] ?? 0) > (values[high] ?? 0)) high = i;
    }
    chosen.push(Math.min(low, high));
    if (low !== high) chosen.push(Math.max(low, high));
  }
  chosen.push(n - 1);
  return chosen;
}
