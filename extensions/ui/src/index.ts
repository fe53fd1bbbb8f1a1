/** The public API: wrap components in OutriderProvider, render JobList and JobPage, load style/index.css. */

export { Api, escapePath, type JobQuery, queryString } from './api/client.js';
export type { components } from './api/schema.js';
export type { Kind, Subscription } from './api/stream.js';
export { ApiError, type Asked, sentence, type Transport } from './api/transport.js';
export * from './api/types.js';
export { JobList } from './jobs/JobList.js';
export type { ListView } from './jobs/listView.js';
export { Compare } from './jobs/Compare.js';
export { JobPage } from './jobs/JobPage.js';
export {
  Button,
  Command,
  Confirm,
  CopyButton,
  Empty,
  Icon,
  Link,
  Loading,
  Problem,
  ProgressBar,
  StatusBadge,
} from './shared/basics.js';
export { fileName, FileRow, FileTable } from './artifacts/FileTable.js';
export { age, bytes, count, duration, moment, money, pricePerHour } from './shared/format.js';
export {
  type Extras,
  type JobView,
  type Navigation,
  OutriderProvider,
  type Tab,
  TABS,
  type Target,
  useApi,
  useConnection,
  useExtras,
  useNavigation,
  useStream,
} from './shared/context.js';
export { costNow, useEvery, useJob, useJobs, useLoaded, useNow, useSettled } from './shared/hooks.js';
export {
  type Draft,
  draftOfSubmission,
  EMPTY as EMPTY_DRAFT,
  type Param,
  paramOf,
  type Problems,
  problemsOf,
  submissionOfDraft,
  valueOf,
  words,
} from './submit/draft.js';
export { randomKey } from './shared/ids.js';
export { firstMachine, howManyFree } from './shared/machines.js';
export { runLine } from './submit/runLine.js';
export { submissionOf } from './submit/submission.js';
export { Checks } from './submit/Checks.js';
export { Cost } from './submit/Cost.js';
export { ParamRows, Radios, TextField } from './submit/fields.js';
export { MachineChoice } from './submit/MachineChoice.js';
export { More } from './submit/More.js';
export { WhatRuns } from './submit/WhatRuns.js';
export { WorkspaceChoice } from './submit/WorkspaceChoice.js';
export { SubmitDialog } from './submit/SubmitDialog.js';
export { SubmitForm } from './submit/SubmitForm.js';
export { usePreflight } from './submit/usePreflight.js';
export { useSubmission } from './submit/useSubmission.js';
export type { Check, FolderLook, SubmitShell } from './shared/shell.js';
