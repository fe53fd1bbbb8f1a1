"""Reads a supervisor's log file as it grows: whole lines, from a cursor, to the end of the sandbox."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import outrider_sandbox as sandbox

from ..base import RawLog
from ..log_chunks import next_piece

LOCK_LOOK_S: Final = 30.0
"""How often to try the supervisor's lock even if its record is unchanged: it may have been killed."""


def read_piece(path: Path, cursor: str | None, *, final: bool) -> RawLog | None:
    """The next chunk, or None if there is nothing yet. ``final``: the log is complete."""

    def read(position: int, size: int) -> bytes:
        try:
            with path.open("rb") as file:
                return os.pread(file.fileno(), size, position)
        except FileNotFoundError:
            return b""

    return next_piece(read, cursor, final=final)


class EndWatch:
    """Tells whether a sandbox has ended. Checked at every wake-up: cheap while its record is unchanged."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._version: tuple[int, int] | None = None
        self._looked_at = 0.0

    def over(self) -> bool:
        """True once the sandbox has ended, was lost or is gone; nothing is written to its log after that."""
        version = sandbox.version(self._folder)
        if version is not None and version == self._version and time.monotonic() < self._looked_at + LOCK_LOOK_S:
            return False
        over = sandbox.state(self._folder).phase in ("exited", "lost", "absent")
        # The version is read before the state, so a change in between is seen at the next check.
        self._version = None if over else version
        self._looked_at = time.monotonic()
        return over
