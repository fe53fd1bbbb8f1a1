"""Measures a tree. Reads the disk; call it in a thread, because large trees take long."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..user_threads import check


def measure(root: Path) -> int:
    """Bytes used below a directory. Links are not followed, and a file with several names counts once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for entry in _walk(root):
        check()
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            if (found.st_dev, found.st_ino) in seen:
                continue
            seen.add((found.st_dev, found.st_ino))
        total += found.st_blocks * 512
    return total


def _walk(root: Path) -> Iterator[os.DirEntry[str]]:
    """All entries, without recursion, because users choose the depth."""
    waiting = [str(root)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    yield entry
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            # Removed in the meantime, or too deep for a path; what cannot be read is not counted.
            continue
