/** Parses terminal colours: SGR sequences become styles, other escape sequences are removed. Pure. */

export interface Style {
  /** 0–15 are theme colours; a string is a CSS colour. */
  fg?: number | string;
  bg?: number | string;
  bold?: boolean;
  dim?: boolean;
  italic?: boolean;
  underline?: boolean;
  inverse?: boolean;
}

export interface Piece {
  text: string;
  style: Style;
}

// CSI … final byte; OSC … BEL or ST; other two-byte escapes; control characters except tab.
/* eslint-disable no-control-regex -- it matches control characters on purpose */
const ESCAPES =
  /\x1b\[([0-9;:?<=>!]*)[ -/]*([@-~])?|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]?|[\x00-\x08\x0b-\x1f\x7f]/g;
/* eslint-enable no-control-regex */
const STEPS = [0, 95, 135, 175, 215, 255] as const;

/** Splits a line into pieces of one style each. */
export function parseAnsi(text: string): Piece[] {
  const pieces: Piece[] = [];
  let style: Style = {};
  let from = 0;
  const push = (to: number): void => {
    if (to > from) pieces.push({ text: text.slice(from, to), style });
  };
  for (const match of text.matchAll(ESCAPES)) {
    push(match.index);
    from = match.index + match[0].length;
    if (match[2] === 'm') style = applySgr(style, match[1] ?? '');
  }
  push(text.length);
  return pieces;
}

/** The line without escape sequences, for searching and copying. */
export function plainText(text: string): string {
  return text.replace(ESCAPES, '');
}

function applySgr(before: Style, parameters: string): Style {
  const codes = parameters.split(/[;:]/).map((part) => (part === '' ? 0 : Number(part)));
  let style = { ...before };
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i] ?? 0;
    if (code === 38 || code === 48) {
      const [colour, used] = extendedColour(codes.slice(i + 1));
      i += used;
      if (colour !== undefined) style[code === 38 ? 'fg' : 'bg'] = colour;
    } else {
      style = applyCode(style, code);
    }
  }
  return style;
}

function applyCode(style: Style, code: number): Style {
  if (code === 0) return {};
  if (code >= 30 && code <= 37) return { ...style, fg: code - 30 };
  if (code >= 40 && code <= 47) return { ...style, bg: code - 40 };
  if (code >= 90 && code <= 97) return { ...style, fg: code - 90 + 8 };
  if (code >= 100 && code <= 107) return { ...style, bg: code - 100 + 8 };
  switch (code) {
    case 1:
      return { ...style, bold: true };
    case 2:
      return { ...style, dim: true };
    case 3:
      return { ...style, italic: true };
    case 4:
      return { ...style, underline: true };
    case 7:
      return { ...style, inverse: true };
    case 22:
      return without(style, 'bold', 'dim');
    case 23:
      return without(style, 'italic');
    case 24:
      return without(style, 'underline');
    case 27:
      return without(style, 'inverse');
    case 39:
      return without(style, 'fg');
    case 49:
      return without(style, 'bg');
    default:
      return style;
  }
}

function without(style: Style, ...names: (keyof Style)[]): Style {
  return Object.fromEntries(Object.entries(style).filter(([name]) => !names.includes(name as keyof Style)));
}

/** The colour after code 38 or 48 (`5;n` or `2;r;g;b`), and how many codes it used. */
function extendedColour(codes: number[]): [number | string | undefined, number] {
  const [kind, ...rest] = codes;
  if (kind === 5 && rest[0] !== undefined) return [indexed(rest[0]), 2];
  if (kind === 2 && rest.length >= 3) return [rgb(rest[0] ?? 0, rest[1] ?? 0, rest[2] ?? 0), 4];
  return [undefined, codes.length];
}

function indexed(n: number): number | string | undefined {
  if (!(n >= 0 && n <= 255)) return undefined;
  if (n < 16) return n;
  if (n >= 232) {
    const grey = 8 + (n - 232) * 10;
    return rgb(grey, grey, grey);
  }
  const cube = n - 16;
  return rgb(STEPS[Math.floor(cube / 36)] ?? 0, STEPS[Math.floor(cube / 6) % 6] ?? 0, STEPS[cube % 6] ?? 0);
}

function rgb(...parts: number[]): string {
  return `rgb(${parts.map((part) => Math.min(255, Math.max(0, Math.trunc(part) || 0))).join(' ')})`;
}
