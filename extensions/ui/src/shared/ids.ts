/** Random names. `crypto.randomUUID` is missing where a page came by plain http from another machine; this is not. */

export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
