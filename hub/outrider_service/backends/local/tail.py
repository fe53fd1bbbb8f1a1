"""Reads a supervisor's log file as it grows: whole lines, from a cursor, to the end of the sandbox.

The cursor is "<offset>" at a line's beginning, or "<offset>@<time>" inside a line that is too long to wait for.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from ..base import RawLog

PIECE: Final = 256 * 1024
STAMP: Final = 17


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
    whole = data[:end] if end else data
    begins = stamp.encode() + b" " if stamp else b""
    if end:
        return RawLog(begins + whole, str(position + end))
    # One line fills the piece: pass it on as a line of its own, and remember the time for its rest.
    time = stamp or data[:STAMP].decode("ascii", "replace")
    rest = f"{position + len(data)}" if final and len(data) < PIECE else f"{position + len(data)}@{time}"
    return RawLog(begins + whole + b"\n", rest)
