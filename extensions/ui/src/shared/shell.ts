/** What the submit form can use from its shell. All of it is optional: the service alone is enough. */

import type { Job, Submission } from '../api/types.js';

/** A folder that can be uploaded as the workspace. */
export interface FolderLook {
  folder: string;
  files: number;
  size: number;
  largest: { path: string; size: number }[];
  left_out: string[];
  warnings: string[];
}

export interface Check {
  check: string;
  answer: 'yes' | 'no' | 'unknown';
  message: string;
}

export interface SubmitShell {
  /** Describes the folder that would be uploaded; if unset, the form does not offer a folder. */
  folder?: (signal: AbortSignal) => Promise<FolderLook>;
  /** Runs preflight checks before the submission. */
  check?: (submission: Submission, signal: AbortSignal) => Promise<Check[]>;
  /** Submits the job; with `folder`, uploads the shell's folder as its workspace. `key` is the idempotency key. */
  submit?: (submission: Submission, folder: boolean, key: string) => Promise<Job>;
}
