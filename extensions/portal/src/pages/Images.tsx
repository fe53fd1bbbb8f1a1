/** The images page: the catalog with registry facts, private images, and editing for admins. */

import { bytes, Button, Confirm, Empty, Loading, moment, Problem, useApi, useLoaded } from '@outrider/ui';
import { type ReactElement, useState } from 'react';

import { Check, Field, FormDialog, text, useAction, usePlatform, words } from '../forms.js';
import { CATALOG_ADMIN, type Image, type ImageFacts } from '../platform.js';

type Open = { what: 'add'; shared: boolean } | { what: 'edit' | 'remove'; image: Image } | null;

export function Images(): ReactElement {
  const api = useApi();
  const platform = usePlatform();
  const me = useLoaded('me', (signal) => api.me(signal));
  const images = useLoaded('images/all', (signal) => platform.images(signal));
  const [open, setOpen] = useState<Open>(null);
  const admin = me.value?.scopes.includes(CATALOG_ADMIN) === true;
  const close = (): void => {
    setOpen(null);
  };
  return (
    <>
      <header className="portal-title">
        <h1>Images</h1>
        <span className="or-spring" />
        <Button
          onClick={() => {
            setOpen({ what: 'add', shared: false });
          }}
        >
          Add private image
        </Button>
        {admin && (
          <Button
            tone="primary"
            onClick={() => {
              setOpen({ what: 'add', shared: true });
            }}
          >
            Add shared image
          </Button>
        )}
      </header>
      {images.error && <Problem onRetry={images.reload}>{images.error.message}</Problem>}
      {images.value === undefined && !images.error && <Loading />}
      {images.value?.items.length === 0 && <Empty title="No images yet." />}
      <ul className="portal-cards">
        {images.value?.items.map((image) => (
          <Card
            key={`${image.owner ?? ''} ${image.name}`}
            image={image}
            mine={admin || image.owner !== null}
            onOpen={setOpen}
            onChange={images.reload}
          />
        ))}
      </ul>
      {open?.what === 'add' && <AddDialog shared={open.shared} onClose={close} onDone={images.reload} />}
      {open?.what === 'edit' && <EditDialog image={open.image} onClose={close} onDone={images.reload} />}
      {open?.what === 'remove' && <RemoveDialog image={open.image} onClose={close} onDone={images.reload} />}
    </>
  );
}

function Card({
  image,
  mine,
  onOpen,
  onChange,
}: {
  image: Image;
  mine: boolean;
  onOpen: (open: Open) => void;
  onChange: () => void;
}): ReactElement {
  const platform = usePlatform();
  const action = useAction();
  const refresh = (what: 'check' | 'pin'): void => {
    action.run(async () => {
      await platform.refreshImage(image, what);
      onChange();
    });
  };
  return (
    <li className={image.enabled ? 'portal-card' : 'portal-card portal-card-off'}>
      <h2>
        {image.icon && <span aria-hidden="true">{image.icon} </span>}
        {image.title}
      </h2>
      <p className="portal-reference">{image.name}</p>
      {image.description && <p>{image.description}</p>}
      <p className="or-faint">{uses(image)}</p>
      {image.notes && <p className="portal-notes">{image.notes}</p>}
      <Facts image={image} />
      {action.fault && <Problem>{action.fault.message}</Problem>}
      {mine && (
        <div className="or-toolbar">
          <Button
            tone="quiet"
            icon="again"
            disabled={action.busy}
            onClick={() => {
              refresh('check');
            }}
          >
            Check registry
          </Button>
          {(image.facts?.moved_at ?? null) !== null && (
            <Button
              disabled={action.busy}
              onClick={() => {
                refresh('pin');
              }}
            >
              Update
            </Button>
          )}
          <span className="or-spring" />
          {image.owner === null && (
            <Button
              tone="quiet"
              onClick={() => {
                onOpen({ what: 'edit', image });
              }}
            >
              Edit
            </Button>
          )}
          <Button
            tone="quiet"
            icon="trash"
            label={`Remove ${image.title}`}
            onClick={() => {
              onOpen({ what: 'remove', image });
            }}
          />
        </div>
      )}
    </li>
  );
}

function uses(image: Image): string {
  const found = [image.for_notebooks ? 'notebooks' : '', image.for_jobs ? 'jobs' : ''].filter(Boolean);
  const whose =
    image.owner !== null
      ? ' · private'
      : image.groups.length > 0
        ? ` · restricted to ${image.groups.join(', ')}`
        : '';
  return `For ${found.join(' and ') || 'no use'}${whose}${image.enabled ? '' : ' · disabled'}`;
}

function Facts({ image }: { image: Image }): ReactElement | null {
  const { facts } = image;
  if (facts === null) return null;
  return (
    <>
      {facts.moved_at !== null && (
        <p className="portal-warn">
          The tag has pointed to a different image since {moment(new Date(facts.moved_at))}. The pinned digest
          is used until you update it.
        </p>
      )}
      {facts.status !== 'ok' && <p className="portal-warn">{facts.message}</p>}
      <p className="or-faint">{described(facts)}</p>
    </>
  );
}

export function described(facts: ImageFacts): string {
  return [
    facts.size ? `${bytes(facts.size)} download` : '',
    (facts.architectures ?? []).join(', '),
    facts.cuda ? `CUDA ${facts.cuda}` : '',
    facts.user ? `user ${facts.user}` : '',
    (facts.ports ?? []).length > 0 ? `ports ${(facts.ports ?? []).join(', ')}` : '',
    facts.digest ? facts.digest.slice(7, 19) : '',
  ]
    .filter(Boolean)
    .join(' · ');
}

interface DialogProps {
  onClose: () => void;
  onDone: () => void;
}

/** `onDone` receives the name of the added image. */
export function AddDialog({
  shared,
  onClose,
  onDone,
}: {
  shared: boolean;
  onClose: () => void;
  onDone: (name: string) => void;
}): ReactElement {
  const platform = usePlatform();
  const [name, setName] = useState('');
  const [facts, setFacts] = useState<ImageFacts | null>(null);
  const check = useAction();
  return (
    <FormDialog
      title={shared ? 'Add shared image' : 'Add private image'}
      action="Add"
      known={['name', 'title', 'groups']}
      onClose={onClose}
      send={async (form) => {
        const body = {
          name: text(form, 'name'),
          title: text(form, 'title'),
          description: text(form, 'description'),
          for_jobs: form.has('for_jobs'),
          for_notebooks: form.has('for_notebooks'),
          check: form.has('check'),
        };
        const added = await platform.addImage(
          shared,
          shared ? { ...body, icon: text(form, 'icon'), groups: words(form, 'groups') } : body,
        );
        onDone(added.name);
      }}
    >
      {(fault) => (
        <>
          <Field
            label="Image"
            name="name"
            placeholder="pytorch/pytorch:2.4.0-cuda12.4-cudnn9-runtime"
            hint="As in docker pull. Images without a registry come from Docker Hub."
            fault={fault}
            required
            onChange={(event) => {
              setName(event.target.value.trim());
              setFacts(null);
            }}
          />
          <div className="or-toolbar">
            <Button
              disabled={name === '' || check.busy}
              onClick={() => {
                check.run(async () => {
                  setFacts(await platform.checkImage(name));
                });
              }}
            >
              {check.busy ? 'Checking …' : 'Check'}
            </Button>
            <p role="status" className={facts?.status === 'ok' ? 'portal-good' : 'portal-warn'}>
              {check.fault?.message ?? facts?.message ?? ''}
            </p>
          </div>
          {facts?.status === 'ok' && <p className="or-faint">{described(facts)}</p>}
          <Field label="Title" name="title" fault={fault} />
          <Field label="Description" name="description" />
          {shared && <Field label="Icon" name="icon" hint="A short word or an emoji." maxLength={64} />}
          {shared && (
            <Field
              label="Restrict to groups"
              name="groups"
              hint="Leave empty to allow everyone."
              fault={fault}
            />
          )}
          <Check label="For notebooks" name="for_notebooks" checked />
          <Check label="For jobs" name="for_jobs" checked />
          <Check label="Check the registry and pin the current digest" name="check" checked />
        </>
      )}
    </FormDialog>
  );
}

function EditDialog({ image, onClose, onDone }: DialogProps & { image: Image }): ReactElement {
  const platform = usePlatform();
  return (
    <FormDialog
      title={`Edit ${image.title}`}
      action="Save"
      known={['title', 'environment', 'groups', 'position', 'icon']}
      onClose={onClose}
      send={async (form) => {
        const position = text(form, 'position');
        await platform.changeImage(image.name, {
          title: text(form, 'title'),
          description: text(form, 'description'),
          notes: text(form, 'notes'),
          icon: text(form, 'icon'),
          environment: text(form, 'environment') || null,
          groups: words(form, 'groups'),
          for_jobs: form.has('for_jobs'),
          for_notebooks: form.has('for_notebooks'),
          enabled: form.has('enabled'),
          ...(position === '' ? {} : { position: Number(position) }),
        });
        onDone();
      }}
    >
      {(fault) => (
        <>
          <Field label="Title" name="title" defaultValue={image.title} fault={fault} />
          <Field label="Description" name="description" defaultValue={image.description} />
          <Field label="Notes" name="notes" defaultValue={image.notes} />
          <Field label="Icon" name="icon" defaultValue={image.icon} maxLength={64} fault={fault} />
          <Field
            label="Python environment"
            name="environment"
            defaultValue={image.environment ?? ''}
            hint="Single-machine platforms run this environment’s directory in place of the image."
            fault={fault}
          />
          <Field
            label="Restrict to groups"
            name="groups"
            defaultValue={image.groups.join(', ')}
            hint="Leave empty to allow everyone."
            fault={fault}
          />
          <Field label="Position in list" name="position" type="number" min={0} fault={fault} />
          <Check label="For notebooks" name="for_notebooks" checked={image.for_notebooks} />
          <Check label="For jobs" name="for_jobs" checked={image.for_jobs} />
          <Check label="Enabled" name="enabled" checked={image.enabled} />
        </>
      )}
    </FormDialog>
  );
}

function RemoveDialog({ image, onClose, onDone }: DialogProps & { image: Image }): ReactElement {
  const platform = usePlatform();
  return (
    <Confirm
      title={`Remove ${image.title}?`}
      action="Remove"
      onClose={onClose}
      onConfirm={() => {
        void platform.removeImage(image).then(onDone, onDone);
      }}
    >
      New jobs and notebooks can no longer use it. Running ones are not affected.
    </Confirm>
  );
}
