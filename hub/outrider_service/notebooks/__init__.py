"""Notebook servers: the machine each one leases, and when it stops."""
