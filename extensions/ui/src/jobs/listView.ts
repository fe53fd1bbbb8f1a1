/** What the list of jobs shows. */

/** What the list shows; the shell keeps it, so that an address leads back to it. */
export interface ListView {
  show?: 'active' | 'succeeded' | 'failed' | 'cancelled' | undefined;
  q?: string | undefined;
  owner?: string | undefined;
  project?: string | undefined;
  experiment?: string | undefined;
  tag?: string | undefined;
  cursor?: string | undefined;
}
