/** Case-insensitive text search. Pure. */

/** Splits the text at its matches: even indexes are between matches, odd indexes are matches. */
export function splitMatches(text: string, needle: string): string[] {
  if (needle === '') return [text];
  const lower = text.toLowerCase();
  const wanted = needle.toLowerCase();
  // Lower-casing changes the length of some letters. Offsets would be wrong, so nothing is highlighted then.
  if (lower.length !== text.length) return [text];
  const parts: string[] = [];
  let from = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
    parts.push(text.slice(from, at), text.slice(at, at + wanted.length));
    from = at + wanted.length;
  }
  parts.push(text.slice(from));
  return parts;
}
