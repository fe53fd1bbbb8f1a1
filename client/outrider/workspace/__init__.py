"""Workspaces: which files belong to one (``rules``, ``collect``), packing (``archive``), and what the user specified
(``source``). Reads the file system; no network."""
