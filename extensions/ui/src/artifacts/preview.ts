/** What can be shown of a file, by its name. Pure. */

export type PreviewKind = 'image' | 'table' | 'json' | 'notebook' | 'text';

const KINDS: Record<string, PreviewKind> = {
  png: 'image',
  jpg: 'image',
  jpeg: 'image',
  gif: 'image',
  webp: 'image',
  svg: 'image',
  bmp: 'image',
  csv: 'table',
  tsv: 'table',
  json: 'json',
  ipynb: 'notebook',
};

/** Anything of an unknown name is tried as text. */
export function kindOf(path: string): PreviewKind {
  return KINDS[path.slice(path.lastIndexOf('.') + 1).toLowerCase()] ?? 'text';
}
