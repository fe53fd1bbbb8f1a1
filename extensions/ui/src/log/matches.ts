/** Finding a text in another without regard to case. Pure. */

/** The text in parts: what lies between the matches at even indexes, the matches at odd ones. */
export function splitMatches(text: string, needle: string): string[] {
  if (needle === '') return [text];
  const lower = text.toLowerCase();
  const wanted = needle.toLowerCase();
  // Some letters change their length with their case; then the places would not fit, and nothing is marked.
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
