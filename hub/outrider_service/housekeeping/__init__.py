"""What the service does by itself, now and then: leases of notebooks, budgets, old uploads, pinned images."""
