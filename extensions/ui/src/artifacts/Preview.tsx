/** Previews one file: images, tables, notebooks, JSON and text; only the beginning of large ones. */

import { csvParseRows, tsvParseRows } from 'd3-dsv';
import { type ReactElement, useState } from 'react';

import type { Job } from '../api/types.js';
import { bytes } from '../shared/format.js';
import { kindOf, type PreviewKind } from './preview.js';
import { useApi, useExtras } from '../shared/context.js';
import { useLoaded } from '../shared/hooks.js';
import { Button, Icon, Link, Loading, Problem } from '../shared/basics.js';
import { NotebookPreview } from './NotebookPreview.js';

const HEAD = 256 * 1024;
/** Notebooks are JSON, which cannot be parsed in part. */
const LARGEST_NOTEBOOK = 16 * 2 ** 20;
const MOST_ROWS = 200;
const MOST_COLUMNS = 50;

interface Props {
  job: Job;
  path: string;
  directory: string;
}

export function Preview({ job, path, directory }: Props): ReactElement {
  const api = useApi();
  const kind = kindOf(path);
  const name = path.slice(directory.length);
  const href = api.artifactHref(job.id, path);
  const { openArtifact } = useExtras();
  return (
    <section className="or-preview" aria-label={`Preview of ${name}`}>
      <header className="or-toolbar">
        <h2>{name}</h2>
        <span className="or-spring" />
        {openArtifact !== undefined ? (
          <Button
            icon="open"
            title="Copy to your files and open"
            onClick={() => {
              void openArtifact(job, path);
            }}
          >
            Open
          </Button>
        ) : (
          <a className="or-button or-button-plain" href={href} target="_blank" rel="noreferrer">
            <Icon name="open" />
            Open
          </a>
        )}
        <a className="or-button or-button-plain" href={href} download={name}>
          <Icon name="download" />
          Download
        </a>
        <Link
          className="or-button or-button-quiet or-button-icon"
          aria-label="Close preview"
          to={{ page: 'job', id: job.id, view: { tab: 'artifacts', path: directory } }}
        >
          <Icon name="close" />
        </Link>
      </header>
      {kind === 'image' ? (
        <Picture href={href} name={name} />
      ) : (
        <Contents job={job} path={path} kind={kind} />
      )}
    </section>
  );
}

function Picture({ href, name }: { href: string; name: string }): ReactElement {
  const [failed, setFailed] = useState(false);
  if (failed) return <Problem>Cannot display this image. Download it to view it.</Problem>;
  return (
    <img
      src={href}
      alt={name}
      onError={() => {
        setFailed(true);
      }}
    />
  );
}

function Contents({ job, path, kind }: { job: Job; path: string; kind: PreviewKind }): ReactElement {
  const api = useApi();
  const most = kind === 'notebook' ? LARGEST_NOTEBOOK : HEAD;
  const head = useLoaded(`preview/${job.id}/${path}`, (signal) =>
    api.artifactHead(job.id, path, most, signal),
  );
  if (head.error) return <Problem onRetry={head.reload}>{head.error.message}</Problem>;
  if (head.value === undefined) return <Loading />;
  const data = head.value;
  const cut = data.length >= most;
  // A NUL byte means binary content.
  if (data.subarray(0, 4096).includes(0))
    return <p className="or-faint">Binary file. Download it to view it.</p>;
  const text = new TextDecoder().decode(data);
  if (kind === 'notebook' && !cut) return <NotebookPreview text={text} />;
  return (
    <>
      {cut && <p className="or-faint">Showing the first {bytes(most)}. Download the file for the rest.</p>}
      {kind === 'table' ? (
        <Rows rows={(path.endsWith('.tsv') ? tsvParseRows : csvParseRows)(text)} />
      ) : (
        // Focusable, so that the keyboard can scroll it.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <pre tabIndex={0} role="region" aria-label="Contents">
          {kind === 'json' && !cut ? indented(text) : text}
        </pre>
      )}
    </>
  );
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function Rows({ rows }: { rows: string[][] }): ReactElement {
  const [head, ...body] = rows;
  return (
    // Focusable, so that the keyboard can scroll it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="or-scroll" tabIndex={0} role="region" aria-label="Table">
      <table className="or-table or-data">
        <thead>
          <tr>
            {head?.slice(0, MOST_COLUMNS).map((cell, i) => (
              <th key={i}>{cell}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {body.slice(0, MOST_ROWS).map((row, i) => (
            <tr key={i}>
              {row.slice(0, MOST_COLUMNS).map((cell, j) => (
                <td key={j}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {body.length > MOST_ROWS && <p className="or-faint">Showing the first {MOST_ROWS} rows.</p>}
    </div>
  );
}
