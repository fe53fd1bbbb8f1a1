/** Filters and page of the job list. The shell keeps it, for example in the URL. */
export interface ListView {
  show?: 'active' | 'succeeded' | 'failed' | 'cancelled' | undefined;
  q?: string | undefined;
  owner?: string | undefined;
  project?: string | undefined;
  experiment?: string | undefined;
  tag?: string | undefined;
  cursor?: string | undefined;
}
