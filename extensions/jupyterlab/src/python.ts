/** Reads simple assignments and imports from Python source, without running it. Pure. */

export interface Assignment {
  name: string;
  value: unknown;
}

/** Assignments of literals, as in a `parameters` cell; other statements are skipped. */
export function assignments(source: string): Assignment[] {
  const found = new Map<string, unknown>();
  for (const statement of statements(source)) {
    const match = /^([A-Za-z_]\w*)\s*(?::[^=]+)?=(?!=)\s*([\s\S]+)$/.exec(statement);
    const [, name, text] = match ?? [];
    if (name === undefined || text === undefined) continue;
    const value = literal(text);
    if (value !== undefined) found.set(name, value);
  }
  return [...found].map(([name, value]) => ({ name, value }));
}

/** Top-level lines, each joined with the lines that its open brackets span. */
function statements(source: string): string[] {
  const made: string[] = [];
  let open = 0;
  for (const line of source.split('\n')) {
    if (open > 0) made.push(`${made.pop() ?? ''}\n${line}`);
    else if (/^[A-Za-z_]/.test(line)) made.push(line);
    else continue;
    open = Math.max(0, open + depth(line));
  }
  return made;
}

function depth(line: string): number {
  const bare = line.replaceAll(/(['"])(?:\\.|(?!\1).)*\1/g, '').replace(/#.*/, '');
  return (bare.match(/[[{(]/g) ?? []).length - (bare.match(/[\]})]/g) ?? []).length;
}

const TOKEN =
  /\s*(?:#[^\n]*\n\s*)*([[\](){},:]|-?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|True|False|None)/y;
const CONSTANTS: Record<string, unknown> = { True: true, False: false, None: null };
const CLOSING: Record<string, string> = { '[': ']', '(': ')', '{': '}' };

/** The value of a Python literal; undefined for anything else. */
export function literal(text: string): unknown {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (;;) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) {
      if (/^\s*(#[^\n]*\s*)*$/.test(text.slice(at))) break;
      return undefined;
    }
    tokens.push(match[1] ?? '');
  }
  const [value, rest] = parsed(tokens, 0);
  return rest === tokens.length ? value : undefined;
}

const NONE: [undefined, number] = [undefined, Infinity];

function parsed(tokens: readonly string[], at: number): [unknown, number] {
  const token = tokens[at];
  if (token === undefined) return NONE;
  if (token in CONSTANTS) return [CONSTANTS[token], at + 1];
  if (/^['"]/.test(token)) return [unquoted(token), at + 1];
  if (/^[-.\d]/.test(token)) return [Number(token.replaceAll('_', '')), at + 1];
  const close = CLOSING[token];
  return close === undefined ? NONE : collection(tokens, at + 1, close);
}

function collection(tokens: readonly string[], from: number, close: string): [unknown, number] {
  const items: unknown[] = [];
  const entries: [string, unknown][] = [];
  let at = from;
  while (tokens[at] !== close) {
    const [item, next] = parsed(tokens, at);
    if (item === undefined) return NONE;
    at = next;
    if (close === '}') {
      const [value, after] = tokens[at] === ':' ? parsed(tokens, at + 1) : NONE;
      if (value === undefined || typeof item !== 'string') return NONE;
      entries.push([item, value]);
      at = after;
    } else items.push(item);
    if (tokens[at] === ',') at += 1;
    else if (tokens[at] !== close) return NONE;
  }
  return [close === '}' ? Object.fromEntries(entries) : items, at + 1];
}

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', '\n': '' };

function unquoted(token: string): string {
  return token.slice(1, -1).replaceAll(/\\([\s\S])/g, (_, char: string) => ESCAPES[char] ?? char);
}

/** Top-level names of the imported packages. */
export function imports(source: string): string[] {
  const found = new Set<string>();
  for (const line of source.split('\n')) {
    const from = /^\s*from\s+([A-Za-z_]\w*)[\w.]*\s+import\b/.exec(line)?.[1];
    if (from !== undefined) found.add(from);
    const list = /^\s*import\s+([A-Za-z_][\w.,\s]*)/.exec(line)?.[1];
    for (const part of list?.split(',') ?? []) {
      const name = /^\s*([A-Za-z_]\w*)/.exec(part)?.[1];
      if (name !== undefined) found.add(name);
    }
  }
  return [...found];
}
