/** Random keys. `crypto.randomUUID` is not available on pages loaded over plain HTTP; `getRandomValues` is. */

export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
