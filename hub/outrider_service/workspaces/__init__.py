"""Workspaces: uploaded snapshots, kept once by content."""
