/** Recreates a submission from a job's record. Pure. */

import type { Job, Submission } from '../api/types.js';

/** The submission that repeats a job; Git workspaces stay at the commit that ran. */
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

/** The command or notebook, on one line. */
export function commandLine(job: Pick<Job, 'command' | 'args' | 'notebook'>): string {
  return job.command ?? job.notebook ?? (job.args ?? []).map(quoted).join(' ');
}

/** Quotes a word for a POSIX shell. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
