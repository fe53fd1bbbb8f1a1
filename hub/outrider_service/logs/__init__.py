"""Logs: taken from the platform as they come, kept line by line with the series found in them."""
