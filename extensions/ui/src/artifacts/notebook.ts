/** Parses a notebook's cells for the preview: text, images and errors. Pure. */

export interface ShownCell {
  kind: 'code' | 'text';
  /** The execution count, if the cell has run. */
  count: number | null;
  source: string;
  outputs: ShownOutput[];
}

export type ShownOutput =
  { kind: 'text'; text: string } | { kind: 'error'; text: string } | { kind: 'image'; href: string };

const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];

/** The cells, or null if the text is not a notebook. */
export function cellsOf(text: string): ShownCell[] | null {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(data) || !Array.isArray(data.cells)) return null;
  return data.cells.filter(isRecord).map((cell) => ({
    kind: cell.cell_type === 'code' ? 'code' : 'text',
    count: typeof cell.execution_count === 'number' ? cell.execution_count : null,
    source: joined(cell.source),
    outputs: (Array.isArray(cell.outputs) ? cell.outputs : []).filter(isRecord).flatMap(outputOf),
  }));
}

function outputOf(output: Record<string, unknown>): ShownOutput[] {
  if (output.output_type === 'stream') return [{ kind: 'text', text: joined(output.text) }];
  if (output.output_type === 'error') {
    const lines = joined(output.traceback, '\n');
    return [{ kind: 'error', text: lines || `${joined(output.ename)}: ${joined(output.evalue)}` }];
  }
  const data = isRecord(output.data) ? output.data : {};
  const image = IMAGES.find((type) => type in data);
  if (image !== undefined)
    return [{ kind: 'image', href: `data:${image};base64,${joined(data[image]).replaceAll(/\s/g, '')}` }];
  const text = joined(data['text/plain']);
  return text === '' ? [] : [{ kind: 'text', text }];
}

function joined(value: unknown, between = ''): string {
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? value.filter((part) => typeof part === 'string').join(between) : '';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
