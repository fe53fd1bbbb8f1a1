"""Reads a supervisor's log file as it grows: whole lines, from a cursor, to the end of the sandbox.

The cursor is "<offset>" at a line's beginning, or "<offset>@<time>" inside a line that is too long to wait for.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import outrider_sandbox as sandbox

from ..base import RawLog

PIECE: Final = 256 * 1024
STAMP: Final = 17
LOCK_LOOK_S: Final = 30.0
"""How often the supervisor's lock is tried although its record is the same: it may have been killed."""


def read_piece(path: Path, cursor: str | None, *, final: bool) -> RawLog | None:
    """The next piece, or None when there is nothing (yet). ``final``: no more will be written."""
    offset, _, stamp = (cursor or "0").partition("@")
    position = int(offset)
    try:
        with path.open("rb") as file:
            data = os.pread(file.fileno(), PIECE, position)
    except FileNotFoundError:
        return None
    if not data:
        return None
    end = data.rfind(b"\n") + 1
    if end == 0 and len(data) < PIECE and not final:
        return None
    begins = stamp.encode() + b" " if stamp else b""
    if end:
        return RawLog(begins + data[:end], str(position + end))
    if final and len(data) < PIECE:
        return RawLog(begins + data + b"\n", str(position + len(data)))
    # One line fills the piece: pass it on as a line of its own, and remember the time for its rest.
    whole = data[: _whole_characters(data)]
    time = stamp or data[:STAMP].decode("ascii", "replace")
    return RawLog(begins + whole + b"\n", f"{position + len(whole)}@{time}")


class EndWatch:
    """Whether a sandbox has ended, asked at every wake-up: cheap as long as its record is the same one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._version: tuple[int, int] | None = None
        self._looked_at = 0.0

    def over(self) -> bool:
        """True once it has ended, was lost or is gone; nothing is written to its log after that."""
        version = sandbox.version(self._folder)
        if version is not None and version == self._version and time.monotonic() < self._looked_at + LOCK_LOOK_S:
            return False
        over = sandbox.state(self._folder).phase in ("exited", "lost", "absent")
        # The version is older than the state: what changed in between is seen at the next look.
        self._version = None if over else version
        self._looked_at = time.monotonic()
        return over


def _whole_characters(data: bytes) -> int:
    """Where to cut so that UTF-8 stays whole; what is none is cut anywhere."""
    for back in range(1, 4):
        if data[-back] & 0xC0 != 0x80:
            return len(data) - back if data[-back] >= 0xC0 else len(data)
    return len(data)
