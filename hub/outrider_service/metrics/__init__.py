"""Charts: read from the job's output, kept as series, downsampled on read."""
