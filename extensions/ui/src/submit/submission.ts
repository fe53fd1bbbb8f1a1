/** A submission made again from a job's record, with changes. Pure. */

import type { Job, Submission } from '../api/types.js';

/** What to submit so that the same runs again; git workspaces stay at the commit that ran. */
export function submissionOf(job: Job, changes: Partial<Submission> = {}): Submission {
  return {
    name: job.name,
    image: job.image,
    machine: job.machine,
    command: job.command,
    args: job.args,
    notebook: job.notebook,
    workspace: workspaceOf(job),
    inputs: job.inputs,
    env: job.env,
    secrets: job.secrets,
    params: job.params,
    ports: job.ports.map((port) => port.port),
    public: job.public,
    project: job.project,
    experiment: job.experiment,
    group: job.group,
    tags: job.tags,
    timeout_s: job.timeout_s,
    retries: job.retries,
    priority: job.priority,
    nodes: job.nodes,
    shm_mb: job.shm_mb,
    cluster: job.cluster,
    ...changes,
  };
}

function workspaceOf(job: Job): NonNullable<Submission['workspace']> {
  const { commit, ...submitted } = job.workspace;
  if (typeof commit === 'string') submitted.ref = commit;
  return submitted as unknown as NonNullable<Submission['workspace']>;
}

/** What the job runs, on one line. */
export function commandLine(job: Pick<Job, 'command' | 'args' | 'notebook'>): string {
  return job.command ?? job.notebook ?? (job.args ?? []).map(quoted).join(' ');
}

/** A word as a POSIX shell reads it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
