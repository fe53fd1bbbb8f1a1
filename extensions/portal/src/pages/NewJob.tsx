/** A new job: the form that JupyterLab has as well, on a page of its own. */

import { EMPTY_DRAFT, SubmitForm, useNavigation } from '@outrider/ui';
import { type ReactElement, useMemo } from 'react';

export function NewJob({ image, machine }: { image: string; machine: string }): ReactElement {
  const navigation = useNavigation();
  const start = useMemo(() => ({ ...EMPTY_DRAFT, image, machine }), [image, machine]);
  return (
    <div className="portal-form">
      <h1>New job</h1>
      <SubmitForm
        start={start}
        onSubmitted={(job) => {
          navigation.go({ page: 'job', id: job.id });
        }}
      />
    </div>
  );
}
