/** Daily sums without gaps. Pure. */

const DAY_MS = 86_400_000;
export const MOST_DAYS = 400;

export interface DaySum {
  day: string;
  value: number;
}

/** One value per day from `since` to `until`, inclusive; only the last `MOST_DAYS`. */
export function everyDay(since: string, until: string, known: ReadonlyMap<string, number>): DaySum[] {
  const last = Date.parse(until);
  const first = Math.max(Date.parse(since), last - (MOST_DAYS - 1) * DAY_MS);
  const found: DaySum[] = [];
  for (let at = first; at <= last; at += DAY_MS) {
    const day = new Date(at).toISOString().slice(0, 10);
    found.push({ day, value: known.get(day) ?? 0 });
  }
  return found;
}

/** Hours as `h:mm:ss`. */
export function clockTime(hours: number): string {
  const seconds = Math.round(hours * 3600);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${Math.floor(seconds / 3600).toLocaleString()}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}
