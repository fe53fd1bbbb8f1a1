"""Programs that run in the peers' own environments, each by its path; what they print is JSON."""
