/** What the service wrote into the page: where things are, and who looks at them. */

function told(name: string): string {
  const tag = document.querySelector<HTMLMetaElement>(`meta[name="outrider-${name}"]`);
  return tag?.content ?? '';
}

/** The service's own address; ends with a slash. */
export const PREFIX = told('prefix') || '/services/outrider/';
/** The Hub's; ends with a slash. */
export const HUB = told('hub') || '/hub/';
export const USER = told('user');
/** Whether there is a page of administration at the Hub for this person. */
export const ADMIN = told('admin') !== '';
export const API = `${PREFIX}api/v1`;
