/** API types: requests and responses are generated from the OpenAPI description, stream events are defined here. */

import type { components } from './schema.js';

type Schemas = components['schemas'];

export type Attempt = Schemas['Attempt'];
export type Chart = Schemas['Chart'];
export type ChartList = Schemas['ChartList'];
export type FileEntry = Schemas['FileEntry'];
export type FileList = Schemas['FileList'];
export type Image = Schemas['Image'];
export type ImageList = Schemas['ImageList'];
export type Job = Schemas['Job'];
export type JobEvent = Schemas['Event'];
export type JobPage = Schemas['Page_Job_'];
export type EventPage = Schemas['Page_Event_'];
export type LogLine = Schemas['LogLine'];
export type LogPage = Schemas['LogPage'];
export type Machine = Schemas['Machine'];
export type MachineList = Schemas['MachineList'];
export type Me = Schemas['Me'];
export type Notebook = Schemas['Notebook'];
export type NotebookList = Schemas['NotebookList'];
export type Preflight = Schemas['Preflight'];
export type Problem = Schemas['Problem'];
export type Reason = Schemas['Reason'];
export type Snapshot = Schemas['Snapshot'];
export type Status = Schemas['Status'];
export type Submission = Schemas['Submission'];

/** New points of one series, as columns of equal length; `line` is 0 for system metrics. */
export interface Points {
  chart: string;
  axis: string | null;
  system: boolean;
  series: string;
  attempt: number;
  node: number;
  total: number;
  x: number[];
  y: number[];
  time: number[];
  line: number[];
}

/** The last event of a subscription to a job. */
export interface End {
  status: Status | 'deleted';
  reason: Reason | null;
  exit_code: number | null;
}

/** Events by kind of subscription. */
export interface StreamEvents {
  logs: { lines: LogLine[]; end: End };
  events: { timeline: JobEvent; end: End };
  metrics: { points: Points; end: End };
  job: { job: Job; end: End };
  jobs: { jobs: { version: number } };
}

export const ENDED: readonly Status[] = ['succeeded', 'failed', 'cancelled'];
/** Statuses that occupy a machine. */
export const RUNNING: readonly Status[] = ['provisioning', 'running', 'stopping'];

export const ACTIVE: readonly Status[] = ['pending', 'provisioning', 'running', 'stopping'];

export function hasEnded(job: { status: Status }): boolean {
  return ENDED.includes(job.status);
}
