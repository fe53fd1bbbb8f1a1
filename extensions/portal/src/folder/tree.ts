/** A selected or dropped folder as a lazily read tree. */

export interface Folder {
  kind: 'folder';
  name: string;
  list(): Promise<Item[]>;
}

export interface Leaf {
  kind: 'file';
  name: string;
  file(): Promise<File>;
}

export type Item = Folder | Leaf;

/** Builds the tree from a `webkitdirectory` input, whose paths start with the folder's name. */
export function folderOfFiles(files: readonly File[]): Folder | null {
  const root = new Map<string, Node>();
  let name = '';
  for (const file of files) {
    const [top = '', ...parts] = file.webkitRelativePath.split('/');
    name = top;
    let place = root;
    for (const part of parts.slice(0, -1)) {
      const found = place.get(part);
      const next = found instanceof Map ? found : new Map<string, Node>();
      place.set(part, next);
      place = next;
    }
    place.set(parts.at(-1) ?? file.name, file);
  }
  return files.length === 0 ? null : folder(name, root);
}

type Node = File | Map<string, Node>;

function folder(name: string, nodes: Map<string, Node>): Folder {
  const items = [...nodes].map(([own, node]): Item =>
    node instanceof Map ? folder(own, node) : { kind: 'file', name: own, file: () => Promise.resolve(node) },
  );
  return { kind: 'folder', name, list: () => Promise.resolve(items) };
}

/** The dropped item: the first folder, else the first file. */
export function dropped(data: DataTransfer): Item | null {
  // Entries are only accessible during the event.
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const chosen = entries.find((entry) => entry.isDirectory) ?? entries[0];
  if (chosen !== undefined) return itemOf(chosen);
  const file = data.files[0];
  return file === undefined ? null : { kind: 'file', name: file.name, file: () => Promise.resolve(file) };
}

function itemOf(entry: FileSystemEntry): Item {
  const { name } = entry;
  if (entry.isDirectory) {
    const list = (): Promise<Item[]> => entriesOf(entry as FileSystemDirectoryEntry);
    return { kind: 'folder', name, list };
  }
  const file = (): Promise<File> =>
    new Promise((resolve, reject) => {
      (entry as FileSystemFileEntry).file(resolve, reject);
    });
  return { kind: 'file', name, file };
}

async function entriesOf(directory: FileSystemDirectoryEntry): Promise<Item[]> {
  const reader = directory.createReader();
  const found: Item[] = [];
  for (;;) {
    // Browsers return batches of about a hundred, and an empty one at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (some.length === 0) return found;
    found.push(...some.map(itemOf));
  }
}
