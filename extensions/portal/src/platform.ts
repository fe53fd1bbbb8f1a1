/** API calls that only the portal makes: catalog, limits, storage, usage, secrets, webhooks. */

import { type Api, type components, escapePath, queryString } from '@outrider/ui';

type Schemas = components['schemas'];

export type Image = Schemas['Image'];
export type ImageFacts = Schemas['ImageFacts'];
export type MachineType = Schemas['Machine'];
export type Limits = Schemas['LimitsOf'];
export type Secret = Schemas['SecretInfo'];
export type Webhook = Schemas['WebhookInfo'];
export type UsageReport = Schemas['UsageReport'];
export type Holdings = Schemas['StorageHoldings'];
export type FileList = Schemas['FileList'];

export const CATALOG_ADMIN = 'custom:outrider:catalog:admin';
export const USAGE_READ_ALL = 'custom:outrider:usage:read-all';

export interface UsageQuery {
  by: string[];
  since?: string | undefined;
  until?: string | undefined;
  all?: boolean | undefined;
}

type Body = Record<string, unknown>;

/** Shared and private images are two collections with the same calls. */
function imagePath(shared: boolean, name = '', rest = ''): string {
  return `/${shared ? 'images' : 'own-images'}${name === '' ? '' : `/${escapePath(name)}`}${rest}`;
}

export class Platform {
  constructor(private readonly api: Api) {}

  images(signal: AbortSignal): Promise<{ items: Image[] }> {
    return this.api.json('/images?all=true', { signal });
  }

  checkImage(image: string): Promise<ImageFacts> {
    return this.api.json('/images/check', { method: 'POST', body: { image } });
  }

  addImage(shared: boolean, body: Body): Promise<Image> {
    return this.api.json(imagePath(shared), { method: 'POST', body });
  }

  changeImage(name: string, body: Body): Promise<Image> {
    return this.api.json(imagePath(true, name), { method: 'PATCH', body });
  }

  /** Checks the registry again, or pins the current digest of the tag. */
  refreshImage(image: Image, what: 'check' | 'pin'): Promise<Image> {
    return this.api.json(imagePath(image.owner === null, image.name, `/${what}`), { method: 'POST' });
  }

  async removeImage(image: Image): Promise<void> {
    await this.api.answer(imagePath(image.owner === null, image.name), { method: 'DELETE' });
  }

  machines(signal: AbortSignal): Promise<{ items: MachineType[] }> {
    return this.api.json('/machines?all=true', { signal });
  }

  addMachine(body: Body): Promise<MachineType> {
    return this.api.json('/machines', { method: 'POST', body });
  }

  changeMachine(name: string, body: Body): Promise<MachineType> {
    return this.api.json(`/machines/${encodeURIComponent(name)}`, { method: 'PATCH', body });
  }

  async removeMachine(name: string): Promise<void> {
    await this.api.answer(`/machines/${encodeURIComponent(name)}`, { method: 'DELETE' });
  }

  limits(signal: AbortSignal): Promise<{ items: Limits[] }> {
    return this.api.json('/limits', { signal });
  }

  setLimits(subject: string, body: Body): Promise<Limits> {
    return this.api.json(`/limits/${encodeURIComponent(subject)}`, { method: 'PUT', body });
  }

  async removeLimits(subject: string): Promise<void> {
    await this.api.answer(`/limits/${encodeURIComponent(subject)}`, { method: 'DELETE' });
  }

  files(path: string, cursor: string | undefined, signal?: AbortSignal): Promise<FileList> {
    return this.api.json(`/storage${queryString({ path, cursor, limit: 200 })}`, { signal });
  }

  async removeFile(path: string): Promise<void> {
    await this.api.answer(`/storage/${escapePath(path)}`, { method: 'DELETE' });
  }

  fileHref(path: string): string {
    return this.api.transport.href(`/storage/${escapePath(path)}`);
  }

  holdings(signal: AbortSignal): Promise<Holdings> {
    return this.api.json('/me/storage', { signal });
  }

  usage(query: UsageQuery, signal: AbortSignal): Promise<UsageReport> {
    return this.api.json(`/usage${queryString({ ...query, all: query.all ? true : undefined })}`, { signal });
  }

  usageHref(query: UsageQuery): string {
    const all = query.all ? true : undefined;
    return this.api.transport.href(`/usage${queryString({ ...query, all, format: 'csv' })}`);
  }

  secrets(signal: AbortSignal): Promise<{ items: Secret[] }> {
    return this.api.json('/secrets', { signal });
  }

  setSecret(kind: string, name: string, group: string | undefined, body: Body): Promise<Secret> {
    const path = `/secrets/${kind}/${encodeURIComponent(name)}${queryString({ group })}`;
    return this.api.json(path, { method: 'PUT', body });
  }

  async removeSecret(secret: Secret): Promise<void> {
    const query = queryString({ group: secret.group ?? undefined });
    await this.api.answer(`/secrets/${secret.kind}/${encodeURIComponent(secret.name)}${query}`, {
      method: 'DELETE',
    });
  }

  webhooks(signal: AbortSignal): Promise<{ items: Webhook[] }> {
    return this.api.json('/webhooks', { signal });
  }

  addWebhook(body: Body): Promise<Webhook> {
    return this.api.json('/webhooks', { method: 'POST', body });
  }

  testWebhook(id: string): Promise<Webhook> {
    return this.api.json(`/webhooks/${id}/test`, { method: 'POST' });
  }

  async removeWebhook(id: string): Promise<void> {
    await this.api.answer(`/webhooks/${id}`, { method: 'DELETE' });
  }
}
