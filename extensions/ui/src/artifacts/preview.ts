/** The kind of preview for a file name. Pure. */

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

/** Unknown extensions are treated as text. */
export function kindOf(path: string): PreviewKind {
  return KINDS[path.slice(path.lastIndexOf('.') + 1).toLowerCase()] ?? 'text';
}
