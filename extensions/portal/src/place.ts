/** Values that the service writes into the page: base URLs and the user. */

function told(name: string): string {
  const tag = document.querySelector<HTMLMetaElement>(`meta[name="outrider-${name}"]`);
  return tag?.content ?? '';
}

/** The service's base path, with a trailing slash. */
export const PREFIX = told('prefix') || '/services/outrider/';
/** The Hub's base path, with a trailing slash. */
export const HUB = told('hub') || '/hub/';
export const USER = told('user');
/** Whether the user may open the Hub's admin page. */
export const ADMIN = told('admin') !== '';
export const API = `${PREFIX}api/v1`;
