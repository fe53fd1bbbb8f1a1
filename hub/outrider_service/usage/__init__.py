"""What is held and what it costs: leases of capacity by jobs and notebooks."""
