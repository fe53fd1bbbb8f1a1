/** The settings page: secrets for jobs, registries and Git servers, and webhooks. */

import { Button, Command, Empty, Loading, moment, Problem, useApi, useLoaded } from '@outrider/ui';
import { type ReactElement, useState } from 'react';

import { Check, Choice, Field, FormDialog, text, TextArea, useAction, usePlatform } from '../forms.js';
import type { Webhook } from '../platform.js';

const KINDS = [
  ['variable', 'Environment variable'],
  ['registry', 'Registry password'],
  ['git', 'Git server password'],
  ['ssh', 'Git deploy key (SSH)'],
] as const;
const EVENTS = [
  ['job.ended', 'Job ended'],
  ['notebook.stopping', 'Notebook about to stop'],
  ['budget.warning', 'Budget nearly used up'],
] as const;

export function Settings(): ReactElement {
  return (
    <>
      <h1>Settings</h1>
      <Secrets />
      <Webhooks />
    </>
  );
}

function Secrets(): ReactElement {
  const platform = usePlatform();
  const secrets = useLoaded('secrets', (signal) => platform.secrets(signal));
  const [adding, setAdding] = useState(false);
  const action = useAction();
  return (
    <section className="portal-section" aria-label="Secrets">
      <header>
        <h2>Secrets</h2>
        <Button
          onClick={() => {
            setAdding(true);
          }}
        >
          Add secret
        </Button>
      </header>
      <p className="or-faint">
        Secrets are stored encrypted and never shown again. Jobs get the secrets they list as environment
        variables; logs show *** in place of their values.
      </p>
      {(secrets.error ?? action.fault) && <Problem>{(secrets.error ?? action.fault)?.message}</Problem>}
      {secrets.value === undefined && !secrets.error && <Loading />}
      {secrets.value?.items.length === 0 && <Empty title="No secrets yet." />}
      {secrets.value !== undefined && secrets.value.items.length > 0 && (
        <table className="or-table">
          <thead>
            <tr>
              <th>Name</th>
              <th>Type</th>
              <th>Account</th>
              <th>Owner</th>
              <th>Modified</th>
              <th>
                <span className="or-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {secrets.value.items.map((one) => (
              <tr key={`${one.kind} ${one.group ?? ''} ${one.name}`}>
                <td>
                  <code>{one.name}</code>
                </td>
                <td>{KINDS.find(([kind]) => kind === one.kind)?.[1]}</td>
                <td>{one.account ?? ''}</td>
                <td>{one.everybody ? 'Everyone' : (one.group ?? 'You')}</td>
                <td>{moment(new Date(one.changed_at))}</td>
                <td className="or-col-actions">
                  {!one.everybody && (
                    <Button
                      tone="quiet"
                      icon="trash"
                      label={`Remove ${one.name}`}
                      onClick={() => {
                        action.run(async () => {
                          await platform.removeSecret(one);
                          secrets.reload();
                        });
                      }}
                    />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {adding && (
        <SecretDialog
          onDone={secrets.reload}
          onClose={() => {
            setAdding(false);
          }}
        />
      )}
    </section>
  );
}

function SecretDialog({ onClose, onDone }: { onClose: () => void; onDone: () => void }): ReactElement {
  const api = useApi();
  const platform = usePlatform();
  const me = useLoaded('me', (signal) => api.me(signal));
  const [kind, setKind] = useState('variable');
  const [group, setGroup] = useState('');
  const groups = (me.value?.groups ?? []).map((name) => [name, `Group ${name}`] as const);
  return (
    <FormDialog
      title="Add secret"
      action="Save"
      known={['name', 'value', 'account', 'known_hosts']}
      onClose={onClose}
      send={async (form) => {
        const account = text(form, 'account');
        const value = form.get('value');
        await platform.setSecret(kind, text(form, 'name'), group || undefined, {
          value: typeof value === 'string' ? value : '',
          ...(account === '' ? {} : { account }),
          ...(kind === 'ssh' ? { known_hosts: text(form, 'known_hosts') } : {}),
        });
        onDone();
      }}
    >
      {(fault) => (
        <>
          <Choice label="Type" name="kind" options={KINDS} value={kind} onChange={setKind} />
          <Field
            label={kind === 'variable' ? 'Name' : 'Host'}
            name="name"
            placeholder={
              { variable: 'API_TOKEN', registry: 'ghcr.io', git: 'github.com', ssh: 'github.com' }[kind] ?? ''
            }
            fault={fault}
          />
          {(kind === 'registry' || kind === 'git') && <Field label="Username" name="account" fault={fault} />}
          {kind === 'ssh' ? (
            <>
              <TextArea
                label="Private key"
                name="value"
                hint="Use a dedicated key without a passphrase: ssh-keygen -t ed25519 -f deploy_key -N ''"
                fault={fault}
              />
              <TextArea
                label="Known hosts"
                name="known_hosts"
                hint="Output of ssh-keyscan, checked against the keys that the server publishes. If empty, any host key is accepted."
                fault={fault}
              />
            </>
          ) : (
            <Field label="Value" name="value" type="password" fault={fault} autoComplete="new-password" />
          )}
          {groups.length > 0 && (
            <Choice
              label="Owner"
              name="group"
              options={[['', 'Only me'], ...groups]}
              value={group}
              onChange={setGroup}
            />
          )}
        </>
      )}
    </FormDialog>
  );
}

function Webhooks(): ReactElement {
  const platform = usePlatform();
  const hooks = useLoaded('webhooks', (signal) => platform.webhooks(signal));
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<Webhook | null>(null);
  const action = useAction();
  return (
    <section className="portal-section" aria-label="Notifications">
      <header>
        <h2>Notifications</h2>
        <Button
          onClick={() => {
            setAdding(true);
          }}
        >
          Add webhook
        </Button>
      </header>
      <p className="or-faint">
        Webhooks are signed as described by Standard Webhooks and retried until they are delivered.
      </p>
      {made?.key && (
        <div role="status">
          <p>Messages are signed with this key. Copy it now: it is not shown again.</p>
          <Command text={made.key} />
        </div>
      )}
      {(hooks.error ?? action.fault) && <Problem>{(hooks.error ?? action.fault)?.message}</Problem>}
      {hooks.value?.items.length === 0 && <Empty title="No webhooks yet." />}
      <ul className="portal-jobs" hidden={!hooks.value?.items.length}>
        {hooks.value?.items.map((hook) => (
          <li key={hook.id}>
            <span className="or-rowlink">
              {hook.url} <span className="or-faint">{hook.events.join(', ')}</span>
            </span>
            <span className={hook.last_error ? 'portal-warn' : 'or-faint'}>
              {hook.last_error ?? (hook.last_at ? 'Last delivery succeeded' : '')}
            </span>
            <Button
              onClick={() => {
                action.run(async () => {
                  await platform.testWebhook(hook.id);
                  setTimeout(hooks.reload, 1500);
                });
              }}
            >
              Test
            </Button>
            <Button
              tone="quiet"
              icon="trash"
              label={`Remove ${hook.url}`}
              onClick={() => {
                action.run(async () => {
                  await platform.removeWebhook(hook.id);
                  hooks.reload();
                });
              }}
            />
          </li>
        ))}
      </ul>
      {adding && (
        <FormDialog
          title="Add webhook"
          action="Add"
          known={['url', 'events']}
          onClose={() => {
            setAdding(false);
          }}
          send={async (form) => {
            const events = EVENTS.map(([name]) => name).filter((name) => form.has(name));
            setMade(await platform.addWebhook({ url: text(form, 'url'), events }));
            hooks.reload();
          }}
        >
          {(fault) => (
            <>
              <Field label="URL" name="url" type="url" placeholder="https://example.org/hook" fault={fault} />
              {EVENTS.map(([name, words]) => (
                <Check key={name} label={words} name={name} checked />
              ))}
              {fault?.field === 'events' && <Problem>{fault.message}</Problem>}
            </>
          )}
        </FormDialog>
      )}
    </section>
  );
}
