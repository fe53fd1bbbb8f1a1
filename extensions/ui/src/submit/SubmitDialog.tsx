/** The submit form in a modal dialog. */

import { type ComponentProps, type ReactElement, useEffect, useId, useRef } from 'react';

import { Button } from '../shared/basics.js';
import { SubmitForm } from './SubmitForm.js';

interface Props extends Omit<ComponentProps<typeof SubmitForm>, 'onCancel'> {
  title: string;
  onClose: () => void;
}

export function SubmitDialog({ title, onClose, onSubmitted, ...rest }: Props): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const close = (): void => dialog.current?.close();
  return (
    <dialog
      ref={dialog}
      className="or-dialog or-dialog-wide"
      aria-labelledby={heading}
      onClose={(event) => {
        // The close events of nested dialogs bubble up here.
        if (event.target === dialog.current) onClose();
      }}
    >
      <header className="or-dialog-head">
        <h2 id={heading}>{title}</h2>
        <Button tone="quiet" icon="close" label="Close" onClick={close} />
      </header>
      <SubmitForm
        {...rest}
        onCancel={close}
        onSubmitted={(job, draft) => {
          onSubmitted(job, draft);
          close();
        }}
      />
    </dialog>
  );
}
