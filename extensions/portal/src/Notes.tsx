/** What people miss on this platform, as the service says it; where nothing is missing, nothing is shown. */

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
