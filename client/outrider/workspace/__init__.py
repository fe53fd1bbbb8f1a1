"""The code a job starts in: which files belong to it (``rules``, ``collect``), how they travel (``archive``),
and what the user meant (``source``). Reads the file system; talks to nobody."""
