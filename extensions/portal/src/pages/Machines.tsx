/** The machines page: types with price and availability; admins edit them, and limits and budgets. */

import {
  bytes,
  Button,
  Confirm,
  howManyFree,
  Loading,
  pricePerHour,
  Problem,
  useApi,
  useLoaded,
} from '@outrider/ui';
import { type ReactElement, useState } from 'react';

import { Check, Field, FormDialog, number, text, useAction, usePlatform, words } from '../forms.js';
import { Notes } from '../Notes.js';
import { CATALOG_ADMIN, type MachineType } from '../platform.js';
import { LimitsSection } from './Limits.js';

type Open = { what: 'add' } | { what: 'edit' | 'remove'; machine: MachineType } | null;

export function Machines(): ReactElement {
  const api = useApi();
  const platform = usePlatform();
  const me = useLoaded('me', (signal) => api.me(signal));
  const machines = useLoaded('machines/all', (signal) => platform.machines(signal));
  const [open, setOpen] = useState<Open>(null);
  const removal = useAction();
  const admin = me.value?.scopes.includes(CATALOG_ADMIN) === true;
  const close = (): void => {
    setOpen(null);
  };
  return (
    <>
      <header className="portal-title">
        <h1>Machines</h1>
        <span className="or-spring" />
        {admin && (
          <Button
            tone="primary"
            onClick={() => {
              setOpen({ what: 'add' });
            }}
          >
            Add machine type
          </Button>
        )}
      </header>
      {machines.error && <Problem onRetry={machines.reload}>{machines.error.message}</Problem>}
      <Notes notes={me.value?.notes ?? []} />
      {removal.fault && <Problem>{removal.fault.message}</Problem>}
      {machines.value === undefined && !machines.error && <Loading />}
      <div className="or-scroll">
        <table className="or-table">
          <thead>
            <tr>
              <th>Type</th>
              <th className="or-number">CPU</th>
              <th className="or-number">Memory</th>
              <th>GPU</th>
              <th className="or-number">Price</th>
              <th className="or-number">Available</th>
              <th className="or-number">Waiting</th>
              <th>Restrictions</th>
              {admin && (
                <th>
                  <span className="or-hidden">Actions</span>
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {machines.value?.items.map((machine) => (
              <tr key={machine.name} className={machine.enabled ? undefined : 'portal-off'}>
                <td>
                  {machine.title} <span className="or-faint">{machine.description}</span>
                </td>
                <td className="or-number">{machine.cpu}</td>
                <td className="or-number">{bytes(machine.memory_mb * 2 ** 20)}</td>
                <td>{machine.gpu > 0 ? `${String(machine.gpu)} × ${machine.gpu_model ?? 'GPU'}` : ''}</td>
                <td className="or-number">{pricePerHour(machine.price_per_hour)}</td>
                <td className="or-number">{howManyFree(machine)}</td>
                <td className="or-number">{machine.waiting || ''}</td>
                <td>{rules(machine)}</td>
                {admin && (
                  <td className="or-col-actions">
                    <Button
                      tone="quiet"
                      onClick={() => {
                        setOpen({ what: 'edit', machine });
                      }}
                    >
                      Edit<span className="or-hidden"> {machine.title}</span>
                    </Button>
                    <Button
                      tone="quiet"
                      icon="trash"
                      label={`Remove ${machine.title}`}
                      onClick={() => {
                        setOpen({ what: 'remove', machine });
                      }}
                    />
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {admin && <LimitsSection />}
      {(open?.what === 'add' || open?.what === 'edit') && (
        <MachineDialog
          machine={open.what === 'edit' ? open.machine : null}
          onClose={close}
          onDone={machines.reload}
        />
      )}
      {open?.what === 'remove' && (
        <Confirm
          title={`Remove ${open.machine.title}?`}
          action="Remove"
          onClose={close}
          onConfirm={() => {
            const { name } = open.machine;
            removal.run(async () => {
              await platform.removeMachine(name);
              machines.reload();
            });
          }}
        >
          New jobs and notebooks can no longer use it. A machine type that is in use cannot be removed:
          disable it first.
        </Confirm>
      )}
    </>
  );
}

function hours(seconds: number): string {
  return `${String(Math.round((seconds / 3600) * 100) / 100)} h`;
}

export function rules(machine: MachineType): string {
  return [
    machine.enabled ? '' : 'disabled',
    machine.groups.length > 0 ? `restricted to ${machine.groups.join(', ')}` : '',
    machine.preemptible ? 'preemptible' : '',
    machine.max_per_user === null ? '' : `${String(machine.max_per_user)} per user`,
    machine.max_age_s === null ? '' : `notebooks stop after ${hours(machine.max_age_s)}`,
    machine.idle_timeout_s === 0 ? 'no idle timeout' : '',
    machine.idle_timeout_s ? `idle timeout ${hours(machine.idle_timeout_s)}` : '',
  ]
    .filter(Boolean)
    .join(' · ');
}

function MachineDialog({
  machine,
  onClose,
  onDone,
}: {
  machine: MachineType | null;
  onClose: () => void;
  onDone: () => void;
}): ReactElement {
  const platform = usePlatform();
  const known = ['name', 'cpu', 'memory_mb', 'gpu', 'price_per_hour', 'cluster'];
  known.push('max_per_user', 'max_age_s', 'idle_timeout_s', 'gpu_idle_timeout_s', 'groups', 'title');
  const inHours = (seconds: number | null | undefined): number | string =>
    seconds === null || seconds === undefined ? '' : seconds / 3600;
  return (
    <FormDialog
      title={machine === null ? 'Add machine type' : `Edit ${machine.title}`}
      action={machine === null ? 'Add' : 'Save'}
      known={known}
      onClose={onClose}
      send={async (form) => {
        const body = {
          title: text(form, 'title'),
          description: text(form, 'description'),
          cpu: number(form, 'cpu'),
          memory_mb: number(form, 'memory_mb'),
          gpu: number(form, 'gpu') ?? 0,
          gpu_model: text(form, 'gpu_model') || null,
          price_per_hour: number(form, 'price_per_hour') ?? 0,
          preemptible: form.has('preemptible'),
          enabled: form.has('enabled'),
          groups: words(form, 'groups'),
          max_per_user: number(form, 'max_per_user'),
          max_age_s: number(form, 'max_age_s', 3600),
          idle_timeout_s: number(form, 'idle_timeout_s', 3600),
          gpu_idle_timeout_s: number(form, 'gpu_idle_timeout_s', 3600),
        };
        if (machine === null) await platform.addMachine({ name: text(form, 'name'), ...body });
        else await platform.changeMachine(machine.name, body);
        onDone();
      }}
    >
      {(fault) => (
        <>
          {machine === null && (
            <Field label="Name" name="name" hint="The value for --machine." fault={fault} required />
          )}
          <Field label="Title" name="title" defaultValue={machine?.title} fault={fault} />
          <Field label="Description" name="description" defaultValue={machine?.description} />
          <div className="portal-row">
            <Field
              label="CPUs"
              name="cpu"
              inputMode="decimal"
              defaultValue={machine?.cpu ?? 1}
              fault={fault}
            />
            <Field
              label="Memory (MiB)"
              name="memory_mb"
              inputMode="numeric"
              defaultValue={machine?.memory_mb ?? 2048}
              fault={fault}
            />
          </div>
          <div className="portal-row">
            <Field
              label="GPUs"
              name="gpu"
              inputMode="numeric"
              defaultValue={machine?.gpu ?? 0}
              fault={fault}
            />
            <Field label="GPU model" name="gpu_model" defaultValue={machine?.gpu_model ?? ''} />
          </div>
          <div className="portal-row">
            <Field
              label="Price per hour"
              name="price_per_hour"
              inputMode="decimal"
              defaultValue={machine?.price_per_hour ?? 0}
              fault={fault}
            />
            <Field
              label="Maximum per user"
              name="max_per_user"
              inputMode="numeric"
              defaultValue={machine?.max_per_user ?? ''}
              fault={fault}
            />
          </div>
          <div className="portal-row">
            <Field
              label="Maximum notebook age (hours)"
              name="max_age_s"
              inputMode="decimal"
              defaultValue={inHours(machine?.max_age_s)}
              fault={fault}
            />
            <Field
              label="Idle timeout (hours)"
              name="idle_timeout_s"
              inputMode="decimal"
              hint="0 means never. Leave empty for the platform default."
              defaultValue={inHours(machine?.idle_timeout_s)}
              fault={fault}
            />
          </div>
          <Field
            label="GPU idle timeout (hours)"
            name="gpu_idle_timeout_s"
            inputMode="decimal"
            defaultValue={inHours(machine?.gpu_idle_timeout_s)}
            fault={fault}
          />
          <Field
            label="Restrict to groups"
            name="groups"
            defaultValue={machine?.groups.join(', ')}
            hint="Leave empty to allow everyone."
            fault={fault}
          />
          <Check label="Preemptible" name="preemptible" checked={machine?.preemptible} />
          <Check label="Enabled" name="enabled" checked={machine?.enabled ?? true} />
        </>
      )}
    </FormDialog>
  );
}
