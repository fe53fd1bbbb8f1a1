/** What the form for a new job asks of the shell around it. Everything is optional: the service alone is enough. */

import type { Job, Submission } from '../api/types.js';

/** A folder that can be sent along as the workspace. */
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
  /** What would be sent along; without it there is no folder to choose. */
  folder?: (signal: AbortSignal) => Promise<FolderLook>;
  /** What would go wrong, looked at before anything is sent. */
  check?: (submission: Submission, signal: AbortSignal) => Promise<Check[]>;
  /** Sends it; `folder` asks for the shell's folder as the workspace. The same key is the same wish. */
  submit?: (submission: Submission, folder: boolean, key: string) => Promise<Job>;
}
