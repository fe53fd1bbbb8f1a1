/** Runs a job again with changes: the submit form, filled in with its settings. */

import { lazy, type ReactElement, Suspense, useMemo } from 'react';

import type { Job } from '../api/types.js';
import { draftOfSubmission } from '../submit/draft.js';
import { submissionOf } from '../submit/submission.js';
import { useExtras, useNavigation } from '../shared/context.js';

const SubmitDialog = lazy(() =>
  import('../submit/SubmitDialog.js').then((module) => ({ default: module.SubmitDialog })),
);

export function ChangeAndRun({ job, onClose }: { job: Job; onClose: () => void }): ReactElement {
  const navigation = useNavigation();
  const { submit } = useExtras();
  const start = useMemo(() => draftOfSubmission(submissionOf(job)), [job]);
  return (
    <Suspense fallback={null}>
      <SubmitDialog
        title={`Run ${job.name} again`}
        start={start}
        {...(submit && { shell: submit })}
        onSubmitted={(made) => {
          navigation.go({ page: 'job', id: made.id });
        }}
        onClose={onClose}
      />
    </Suspense>
  );
}
