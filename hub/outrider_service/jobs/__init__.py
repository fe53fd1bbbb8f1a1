"""Jobs: the record, its states, the queue, and the reconciler that owns every transition."""
