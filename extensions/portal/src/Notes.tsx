/** Limitations of this platform that the service reports, if any. */

import type { ReactElement } from 'react';

export function Notes({ notes }: { notes: string[] }): ReactElement | null {
  if (notes.length === 0) return null;
  return (
    <section className="portal-notes" aria-label="About this platform">
      {notes.map((note) => (
        <p key={note}>{note}</p>
      ))}
    </section>
  );
}
