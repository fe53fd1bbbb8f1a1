/** The storage page: browse, upload, download and delete files in /storage, and see the usage. */

import {
  Button,
  Confirm,
  Empty,
  fileName,
  FileRow,
  FileTable,
  Icon,
  Loading,
  Problem,
  sentence,
  useLoaded,
} from '@outrider/ui';
import { type ReactElement, useEffect, useRef, useState } from 'react';
import { Link } from 'wouter';

import { useAction, usePlatform } from '../forms.js';
import { Keeps } from '../Allowance.js';
import type { FileList } from '../platform.js';
import { storageAddress } from '../routes.js';
import { upload } from '../upload.js';

type Entry = FileList['items'][number];

interface Sending {
  name: string;
  share: number;
}

/** `path` is a directory, without leading or trailing slash. */
export function Storage({ path }: { path: string }): ReactElement {
  const platform = usePlatform();
  const first = useLoaded(`storage/${path}`, (signal) => platform.files(path, undefined, signal));
  const holdings = useLoaded('holdings', (signal) => platform.holdings(signal));
  const [more, setMore] = useState<{ of: FileList; items: Entry[]; next: string | null } | null>(null);
  const [deleting, setDeleting] = useState<Entry | null>(null);
  const action = useAction();
  const reload = (): void => {
    first.reload();
    holdings.reload();
  };
  const [sending, send] = useUploads(path, reload);
  const later = more !== null && more.of === first.value ? more : null;
  const entries = [...(first.value?.items ?? []), ...(later?.items ?? [])];
  const next = later === null ? (first.value?.next ?? null) : later.next;
  return (
    <>
      <header className="portal-title">
        <h1>Storage</h1>
        <Crumbs path={path} />
        <span className="or-spring" />
        {path !== '' && (
          <a className="or-button or-button-plain" href={platform.fileHref(path)} download>
            <Icon name="download" />
            Download zip
          </a>
        )}
        <label className="or-button or-button-primary portal-upload">
          Upload
          <input
            type="file"
            multiple
            className="or-hidden"
            onChange={(event) => {
              send([...(event.target.files ?? [])]);
              event.target.value = '';
            }}
          />
        </label>
      </header>
      <section className="portal-keeps" aria-label="Storage usage">
        <Keeps holdings={holdings.value?.items ?? []} />
      </section>
      {(first.error ?? action.fault) && (
        <Problem onRetry={reload}>{(first.error ?? action.fault)?.message}</Problem>
      )}
      <ul className="portal-sending" aria-label="Uploads">
        {sending.items.map((one) => (
          <li key={one.name}>
            {one.name} <progress max={1} value={one.share} aria-label={`Upload of ${one.name}`} />
          </li>
        ))}
      </ul>
      {sending.failed !== null && <Problem>{sending.failed}</Problem>}
      {first.value === undefined && !first.error && <Loading />}
      {first.value !== undefined && entries.length === 0 && (
        <Empty title={path === '' ? 'No files yet.' : 'Empty directory.'}>
          <p>All your notebooks and jobs can access these files at /storage.</p>
        </Empty>
      )}
      {entries.length > 0 && (
        <FileTable>
          {entries.map((entry) => (
            <Row key={entry.path} entry={entry} href={platform.fileHref(entry.path)} onDelete={setDeleting} />
          ))}
        </FileTable>
      )}
      {next !== null && first.value !== undefined && (
        <Button
          disabled={action.busy}
          onClick={() => {
            const of = first.value;
            action.run(async () => {
              const page = await platform.files(path, next);
              if (of)
                setMore({ of, items: [...(later?.items ?? []), ...page.items], next: page.next ?? null });
            });
          }}
        >
          Load more
        </Button>
      )}
      {deleting && (
        <Confirm
          title={`Delete ${fileName(deleting)}?`}
          action="Delete"
          onClose={() => {
            setDeleting(null);
          }}
          onConfirm={() => {
            action.run(async () => {
              await platform.removeFile(deleting.path);
              reload();
            });
          }}
        >
          {deleting.type === 'directory' ? 'This also deletes everything in it. ' : ''}This cannot be undone.
        </Confirm>
      )}
    </>
  );
}

/** Uploads files one after another, with progress. */
function useUploads(
  path: string,
  onDone: () => void,
): [{ items: Sending[]; failed: string | null }, (files: File[]) => void] {
  const [items, setItems] = useState<Sending[]>([]);
  const [failed, setFailed] = useState<string | null>(null);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => {
    // Abort uploads when the user leaves the directory.
    const mine = new AbortController();
    abort.current = mine;
    return () => {
      mine.abort();
    };
  }, [path]);
  const send = (files: File[]): void => {
    const { current } = abort;
    if (files.length === 0 || current === null) return;
    setFailed(null);
    setItems(files.map((file) => ({ name: file.name, share: 0 })));
    void (async () => {
      for (const file of files) {
        try {
          const target = path === '' ? file.name : `${path}/${file.name}`;
          const tell = (share: number): void => {
            setItems((old) => old.map((one) => (one.name === file.name ? { ...one, share } : one)));
          };
          await upload(target, file, tell, current.signal);
        } catch (error) {
          if (!current.signal.aborted) setFailed(sentence(error));
          break;
        }
      }
      setItems([]);
      if (!current.signal.aborted) onDone();
    })();
  };
  return [{ items, failed }, send];
}

function Row({
  entry,
  href,
  onDelete,
}: {
  entry: Entry;
  href: string;
  onDelete: (entry: Entry) => void;
}): ReactElement {
  const folder = entry.type === 'directory';
  const name = fileName(entry);
  return (
    <FileRow
      entry={entry}
      href={href}
      actions={
        <Button
          tone="quiet"
          icon="trash"
          label={`Delete ${name}`}
          onClick={() => {
            onDelete(entry);
          }}
        />
      }
    >
      {folder ? (
        <Link href={storageAddress(entry.path)} className="or-rowlink">
          {name}/
        </Link>
      ) : (
        <a href={href} download={name}>
          {name}
        </a>
      )}
    </FileRow>
  );
}

function Crumbs({ path }: { path: string }): ReactElement {
  const parts = path.split('/').filter(Boolean);
  return (
    <nav className="or-crumbs" aria-label="Directory">
      <Link href={storageAddress('')}>/storage</Link>
      {parts.map((part, i) => (
        <span key={i}>
          {' '}
          / <Link href={storageAddress(parts.slice(0, i + 1).join('/'))}>{part}</Link>
        </span>
      ))}
    </nav>
  );
}
