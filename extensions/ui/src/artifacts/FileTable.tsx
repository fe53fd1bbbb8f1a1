/** The file table of artifacts and /storage: name, size, time, download and other actions. */

import type { ReactElement, ReactNode } from 'react';

import type { FileEntry } from '../api/types.js';
import { bytes, moment } from '../shared/format.js';
import { Icon } from '../shared/basics.js';

export function fileName({ path }: Pick<FileEntry, 'path'>): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** `children` are `FileRow`s. */
export function FileTable({ children }: { children: ReactNode }): ReactElement {
  return (
    <table className="or-table">
      <thead>
        <tr>
          <th>Name</th>
          <th className="or-number">Size</th>
          <th className="or-col-modified">Modified</th>
          <th>
            <span className="or-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

/** `children` is the name, as a link. */
export function FileRow({
  entry,
  href,
  chosen = false,
  actions,
  children,
}: {
  entry: FileEntry;
  href: string;
  chosen?: boolean;
  actions: ReactNode;
  children: ReactNode;
}): ReactElement {
  const folder = entry.type === 'directory';
  const name = fileName(entry);
  return (
    <tr className={chosen ? 'or-chosen' : undefined}>
      <td className="or-col-file">
        <Icon name={folder ? 'folder' : 'file'} />
        {children}
      </td>
      <td className="or-number">{folder ? '' : bytes(entry.size)}</td>
      <td className="or-col-modified">{moment(new Date(entry.modified))}</td>
      <td className="or-col-actions">
        <a
          className="or-button or-button-quiet or-button-icon"
          href={href}
          download={folder ? `${name}.zip` : name}
          aria-label={`Download ${name}`}
          title="Download"
        >
          <Icon name="download" />
        </a>
        {actions}
      </td>
    </tr>
  );
}
