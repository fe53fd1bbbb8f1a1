/** The artifacts tab: browse, preview and download files. */

import { type ReactElement, useState } from 'react';

import { sentence } from '../api/transport.js';
import type { FileEntry, Job } from '../api/types.js';
import { type JobView, useApi, useExtras } from '../shared/context.js';
import { useLoaded } from '../shared/hooks.js';
import { Button, Empty, Icon, Link, Loading, Problem } from '../shared/basics.js';
import { fileName, FileRow, FileTable } from './FileTable.js';
import { Preview } from './Preview.js';

interface Props {
  job: Job;
  view: JobView;
}

/** `view.path` is a directory if it ends with a slash or is empty, else the previewed file. */
export function Artifacts({ job, view }: Props): ReactElement {
  const path = view.path ?? '';
  const directory = path.slice(0, path.lastIndexOf('/') + 1);
  const file = path.slice(directory.length);
  return (
    <div className={`or-artifacts ${file ? 'or-artifacts-file' : ''}`}>
      <Directory key={directory} job={job} directory={directory} current={path} />
      {file !== '' && <Preview key={path} job={job} path={path} directory={directory} />}
    </div>
  );
}

function Directory({
  job,
  directory,
  current,
}: {
  job: Job;
  directory: string;
  current: string;
}): ReactElement {
  const api = useApi();
  const at = directory.replace(/\/$/, '');
  // Includes the status, so that the list reloads when the job changes state.
  const first = useLoaded(`artifacts/${job.id}/${directory}/${job.status}`, (signal) =>
    api.artifacts(job.id, at, undefined, signal),
  );
  const [more, setMore] = useState<{ items: FileEntry[]; next: string | null } | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  if (first.error) return <Problem onRetry={first.reload}>{first.error.message}</Problem>;
  if (first.value === undefined) return <Loading />;
  const entries = [...first.value.items, ...(more?.items ?? [])];
  const next = more === null ? first.value.next : more.next;
  const loadMore = async (cursor: string): Promise<void> => {
    try {
      const page = await api.artifacts(job.id, at, cursor);
      setMore({ items: [...(more?.items ?? []), ...page.items], next: page.next ?? null });
      setFailed(null);
    } catch (error) {
      setFailed(sentence(error));
    }
  };
  return (
    <section className="or-files" aria-label="Artifacts">
      <header className="or-toolbar">
        <Crumbs job={job} directory={directory} />
        <span className="or-spring" />
        <Button tone="quiet" icon="again" label="Refresh" onClick={first.reload} />
        {directory !== '' && (
          <a className="or-button or-button-plain" href={api.artifactHref(job.id, at)} download>
            <Icon name="download" />
            Download zip
          </a>
        )}
      </header>
      {entries.length === 0 && (
        <Empty title={directory === '' ? 'No artifacts.' : 'Empty directory.'}>
          {directory === '' && <p>Files that the job writes to /artifacts are kept here.</p>}
        </Empty>
      )}
      {entries.length > 0 && (
        <FileTable>
          {entries.map((entry) => (
            <Entry key={entry.path} job={job} entry={entry} current={entry.path === current} />
          ))}
        </FileTable>
      )}
      {failed !== null && <Problem>{failed}</Problem>}
      {next && (
        <Button
          onClick={() => {
            void loadMore(next);
          }}
        >
          Load more
        </Button>
      )}
    </section>
  );
}

function Entry({ job, entry, current }: { job: Job; entry: FileEntry; current: boolean }): ReactElement {
  const api = useApi();
  const folder = entry.type === 'directory';
  const name = fileName(entry);
  const view: JobView = { tab: 'artifacts', path: folder ? `${entry.path}/` : entry.path };
  return (
    <FileRow
      entry={entry}
      href={api.artifactHref(job.id, entry.path)}
      chosen={current}
      actions={<CopyHere job={job} path={entry.path} name={name} />}
    >
      <Link to={{ page: 'job', id: job.id, view }} className="or-rowlink" aria-current={current || undefined}>
        {name}
        {folder && '/'}
      </Link>
    </FileRow>
  );
}

/** Copies to the user's files, if the shell supports it. */
function CopyHere({ job, path, name }: { job: Job; path: string; name: string }): ReactElement | null {
  const { copyArtifact } = useExtras();
  const [busy, setBusy] = useState(false);
  if (copyArtifact === undefined) return null;
  const copy = (): void => {
    setBusy(true);
    void copyArtifact(job, path).finally(() => {
      setBusy(false);
    });
  };
  return (
    <Button tone="quiet" icon="copy" label={`Copy ${name} to my files`} disabled={busy} onClick={copy} />
  );
}

function Crumbs({ job, directory }: { job: Job; directory: string }): ReactElement {
  const parts = directory.split('/').filter(Boolean);
  const to = (path: string) => ({ page: 'job', id: job.id, view: { tab: 'artifacts', path } }) as const;
  return (
    <nav className="or-crumbs" aria-label="Directory">
      <Link to={to('')}>/artifacts</Link>
      {parts.map((part, i) => (
        <span key={i}>
          / <Link to={to(`${parts.slice(0, i + 1).join('/')}/`)}>{part}</Link>
        </span>
      ))}
    </nav>
  );
}
