"""A uid of the host for each user, kept in a file. Any process of the platform may use it at any time."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Final

from . import files

UIDS: Final = "2000000000-2000065535"
"""Above the uids that systemd and container runtimes use by default."""
_LEAST, _MOST = 1000, 2**32 - 3


def uid_range(text: str) -> range | None:
    """The uids that `2000000000-2000065535` means; None for `none`. Raises ValueError."""
    if text == "none":
        return None
    first, _, last = text.partition("-")
    if not all(part.isascii() and part.isdigit() for part in (first, last)):
        raise ValueError(f"{text!r} is neither a range of uids such as {UIDS} nor 'none'")
    if not _LEAST <= int(first) <= int(last) <= _MOST:
        raise ValueError(f"{text!r}: uids from {_LEAST} to {_MOST} can be given, the lower one first")
    return range(int(first), int(last) + 1)


class UserIds:
    """`path` is created when it is first needed. Users keep their uid when the range changes."""

    def __init__(self, path: Path, allowed: range) -> None:
        self._path = path
        self._allowed = allowed

    def of(self, name: str) -> int:
        """The uid of a name, a new one for a new name. Raises OSError when the range is used up."""
        lock = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self._read()
            if name not in known:
                taken = set(known.values())
                free = next((uid for uid in self._allowed if uid not in taken), None)
                if free is None:
                    raise OSError(f"all {len(self._allowed)} uids are taken; OUTRIDER_UIDS needs to be a larger range")
                known[name] = free
                files.write_atomically(self._path, json.dumps(known).encode(), durable=True)
            return known[name]
        finally:
            os.close(lock)

    def _read(self) -> dict[str, int]:
        """Raises OSError for a damaged file, since starting afresh could give a user the uid of another."""
        try:
            known = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise OSError(f"{self._path}: damaged; remove it while nothing runs") from error
        if not isinstance(known, dict) or not all(type(uid) is int for uid in known.values()):
            raise OSError(f"{self._path}: damaged; remove it while nothing runs")
        return known
