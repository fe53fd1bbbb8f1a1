"""A Git repository in a notebook's home: what its directory is called. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit


def folder_of(url: str) -> str:
    """The directory's name, as git itself would choose it: never a path, never hidden."""
    last = urlsplit(url).path.rstrip("/").rpartition("/")[2].removesuffix(".git")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip(".-") or "repository"
