/** What a shell needs: wrap everything in OutriderProvider, show JobList and JobPage, load style/index.css. */

export { Api, escapePath, type JobQuery, queryString } from './api/client.js';
export type { components } from './api/schema.js';
export type { Kind, Subscription } from './api/stream.js';
export { ApiError, type Asked, sentence, type Transport } from './api/transport.js';
export * from './api/types.js';
export { JobList, type ListView } from './components/JobList.js';
export { Compare } from './components/Compare.js';
export { JobPage } from './components/JobPage.js';
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
} from './components/basics.js';
export { fileName, FileRow, FileTable } from './components/FileTable.js';
export { age, bytes, count, duration, moment, money, pricePerHour } from './core/format.js';
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
} from './state/context.js';
export { costNow, useEvery, useJob, useJobs, useLoaded, useNow, useSettled } from './state/hooks.js';
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
} from './core/draft.js';
export { randomKey } from './core/ids.js';
export { firstMachine, howManyFree } from './core/machines.js';
export { runLine } from './core/runLine.js';
export { submissionOf } from './core/submission.js';
export { Checks } from './submit/Checks.js';
export { Cost } from './submit/Cost.js';
export { ParamRows, Radios, TextField } from './submit/fields.js';
export { MachineChoice } from './submit/MachineChoice.js';
export { More } from './submit/More.js';
export { WhatRuns } from './submit/WhatRuns.js';
export { WorkspaceChoice } from './submit/WorkspaceChoice.js';
export { SubmitDialog } from './submit/SubmitDialog.js';
export { SubmitForm } from './submit/SubmitForm.js';
export type { Check, FolderLook, SubmitShell } from './submit/shell.js';
