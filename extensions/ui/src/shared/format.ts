/** Formats numbers, times and sizes. Pure; times are in milliseconds unless a name says otherwise. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function bytes(value: number): string {
  let unit = 0;
  let rest = value;
  while (Math.abs(rest) >= 1024 && unit < UNITS.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || Math.abs(rest) >= 100 ? 0 : Math.abs(rest) >= 10 ? 1 : 2;
  return `${String(Number(rest.toFixed(digits)))} ${UNITS[unit] ?? 'B'}`;
}

/** `45 s`, `3 min 05 s`, `2 h 07 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${String(seconds)} s`;
  if (seconds < 3600) return `${String(Math.floor(seconds / 60))} min ${two(seconds % 60)} s`;
  if (seconds < 86_400)
    return `${String(Math.floor(seconds / 3600))} h ${two(Math.floor((seconds % 3600) / 60))} min`;
  return `${String(Math.floor(seconds / 86_400))} d ${String(Math.floor((seconds % 86_400) / 3600))} h`;
}

/** Like `duration`, with tenths of a second below 10 s: `0.4 s`. */
export function span(ms: number): string {
  return ms < 10_000 ? `${(Math.max(0, ms) / 1000).toFixed(1)} s` : duration(ms);
}

/** A duration in a single unit: `45 s`, `3 min`, `2 h`, `3 d`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${String(seconds)} s`;
  if (seconds < 3600) return `${String(Math.floor(seconds / 60))} min`;
  if (seconds < 86_400) return `${String(Math.floor(seconds / 3600))} h`;
  return `${String(Math.floor(seconds / 86_400))} d`;
}

/** Elapsed seconds, for an axis: `0:12`, `1:05`, `2:07:30`. */
export function clock(seconds: number): string {
  const sign = seconds < 0 ? '−' : '';
  const whole = Math.floor(Math.abs(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (hours > 0) return `${sign}${String(hours)}:${two(minutes)}:${two(whole % 60)}`;
  return `${sign}${String(minutes)}:${two(whole % 60)}`;
}

/** A measured value with its significant digits: `0.03127`, `1.25e-7`, `12,345`, `0.9`. */
export function value(number: number): string {
  if (!Number.isFinite(number)) return String(number);
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return number.toExponential(2).replace('e+', 'e');
  return number.toLocaleString('en', { maximumSignificantDigits: Math.max(4, integerDigits(size)) });
}

/** A count with thousands separators. */
export function count(number: number): string {
  return number.toLocaleString('en');
}

/** An amount without a currency, as the catalog does not define one. */
export function money(amount: number): string {
  if (amount === 0) return '0';
  return amount < 0.01 ? '< 0.01' : amount.toFixed(2);
}

export function pricePerHour(price: number): string {
  if (price === 0) return 'no charge';
  return `${price < 0.01 ? price.toPrecision(1) : price.toFixed(2)} / h`;
}

/** Local time of day: `14:03:27`, optionally with milliseconds. */
export function timeOfDay(time: Date, milliseconds = false): string {
  const text = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  return milliseconds ? `${text}.${String(time.getMilliseconds()).padStart(3, '0')}` : text;
}

/** Local date and time. */
export function moment(time: Date): string {
  const date = `${String(time.getFullYear())}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${date} ${timeOfDay(time)}`;
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}

function integerDigits(size: number): number {
  return size < 1 ? 1 : Math.floor(Math.log10(size)) + 1;
}
