/** The snapshot of a job in a notebook file, as JSON, HTML and plain text. Pure. */

import type { Job } from '@outrider/ui';

export interface SavedJob {
  id: string;
  name: string;
  status: string;
}

export function isJob(data: unknown): data is SavedJob {
  return typeof data === 'object' && data !== null && 'id' in data && typeof data.id === 'string';
}

function sentence(job: Job): string {
  const parts = [`Job ${job.id} “${job.name}” on ${job.machine}: ${job.status}`];
  if (job.exit_code !== null) parts.push(`exit code ${String(job.exit_code)}`);
  if (job.message) parts.push(job.message);
  return parts.join(', ');
}

function escaped(text: string): string {
  const safe: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replaceAll(/[&<>"]/g, (char) => safe[char] ?? char);
}

/** The same formats as the magic writes at submission. */
export function snapshotOf(job: Job): Record<string, string | Record<string, string | null>> {
  const text = sentence(job);
  return {
    'application/vnd.outrider.job+json': {
      id: job.id,
      name: job.name,
      status: job.status,
      machine: job.machine,
      created_at: job.created_at,
      finished_at: job.finished_at,
    },
    'text/html': `<p>${escaped(text)}</p>`,
    'text/plain': text,
  };
}
