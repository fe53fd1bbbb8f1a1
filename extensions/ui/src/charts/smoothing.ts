/** Smoothing and thinning of series. Pure. */

/**
 * Exponential moving average whose first values are not pulled towards zero. `weight` 0 leaves the values as they
 * are; towards 1 it smooths more. Values that are not finite are passed on and do not count.
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
 * Indexes of at most about `most` points that draw the same picture: of each of equally long stretches its lowest and
 * its highest, and the first and last of all. Ascending.
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
