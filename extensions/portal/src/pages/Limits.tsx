/** Limits and monthly budgets, for admins: the default, and overrides per user or group. */

import { Button, money, Problem, useLoaded } from '@outrider/ui';
import { type ReactElement, useState } from 'react';

import { Field, FormDialog, number, text, useAction, usePlatform } from '../forms.js';
import type { Limits } from '../platform.js';

export function LimitsSection(): ReactElement {
  const platform = usePlatform();
  const limits = useLoaded('limits', (signal) => platform.limits(signal));
  const [editing, setEditing] = useState<Limits | 'new' | null>(null);
  const removal = useAction();
  const others = (limits.value?.items.length ?? 0) > 1;
  const amount = (value: number | null): string => (value === null ? '–' : String(value));
  return (
    <section className="portal-section" aria-label="Limits and budgets">
      <header>
        <h2>Limits and budgets</h2>
        <Button
          onClick={() => {
            setEditing('new');
          }}
        >
          Add limits
        </Button>
      </header>
      {(limits.error ?? removal.fault) && <Problem>{(limits.error ?? removal.fault)?.message}</Problem>}
      <div className="or-scroll">
        <table className="or-table">
          <thead>
            <tr>
              <th>Applies to</th>
              <th className="or-number">Running jobs</th>
              <th className="or-number">Waiting jobs</th>
              <th className="or-number">GPUs</th>
              <th className="or-number">Storage (MiB)</th>
              <th className="or-number">Monthly budget</th>
              <th>
                <span className="or-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {limits.value?.items.map((one) => (
              <tr key={one.subject}>
                <td>
                  {one.subject === 'default'
                    ? others
                      ? 'everyone else'
                      : 'everyone'
                    : one.subject.replace(':', ' ')}
                </td>
                <td className="or-number">{amount(one.max_running)}</td>
                <td className="or-number">{amount(one.max_pending)}</td>
                <td className="or-number">{amount(one.max_gpus)}</td>
                <td className="or-number">{amount(one.max_storage_mb)}</td>
                <td className="or-number">
                  {one.budget_per_month === null ? '–' : money(one.budget_per_month)}
                </td>
                <td className="or-col-actions">
                  <Button
                    tone="quiet"
                    onClick={() => {
                      setEditing(one);
                    }}
                  >
                    Edit<span className="or-hidden"> limits for {one.subject}</span>
                  </Button>
                  {one.subject !== 'default' && (
                    <Button
                      tone="quiet"
                      icon="trash"
                      label={`Remove limits for ${one.subject}`}
                      onClick={() => {
                        removal.run(async () => {
                          await platform.removeLimits(one.subject);
                          limits.reload();
                        });
                      }}
                    />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {editing !== null && (
        <LimitsDialog
          limits={editing === 'new' ? null : editing}
          onDone={limits.reload}
          onClose={() => {
            setEditing(null);
          }}
        />
      )}
    </section>
  );
}

function LimitsDialog({
  limits,
  onClose,
  onDone,
}: {
  limits: Limits | null;
  onClose: () => void;
  onDone: () => void;
}): ReactElement {
  const platform = usePlatform();
  const names = ['max_running', 'max_pending', 'max_gpus', 'max_storage_mb', 'budget_per_month'] as const;
  const labels = ['Running jobs', 'Waiting jobs', 'GPUs', 'Storage (MiB)', 'Monthly budget'];
  return (
    <FormDialog
      title={limits === null ? 'Add limits' : `Limits for ${limits.subject}`}
      action="Save"
      known={['subject', ...names]}
      onClose={onClose}
      send={async (form) => {
        const subject = limits?.subject ?? text(form, 'subject');
        const body: Record<string, unknown> = Object.fromEntries(
          names.map((name) => [name, number(form, name)]),
        );
        if (limits !== null) body.max_upload_mb = limits.max_upload_mb;
        await platform.setLimits(subject, body);
        onDone();
      }}
    >
      {(fault) => (
        <>
          {limits === null && (
            <Field
              label="Applies to"
              name="subject"
              placeholder="user:ada"
              hint="user:NAME or group:NAME"
              fault={fault}
            />
          )}
          {names.map((name, i) => (
            <Field
              key={name}
              label={labels[i] ?? name}
              name={name}
              inputMode="decimal"
              hint="Leave empty for no limit."
              defaultValue={limits?.[name] ?? ''}
              fault={fault}
            />
          ))}
        </>
      )}
    </FormDialog>
  );
}
