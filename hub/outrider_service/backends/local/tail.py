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
    begins = stamp.encode() + b" " if stamp else b""
    if end:
        return RawLog(begins + data[:end], str(position + end))
    if final and len(data) < PIECE:
        return RawLog(begins + data + b"\n", str(position + len(data)))
    # One line fills the piece: pass it on as a line of its own, and remember the time for its rest.
    whole = data[: _whole_characters(data)]
    time = stamp or data[:STAMP].decode("ascii", "replace")
    return RawLog(begins + whole + b"\n", f"{position + len(whole)}@{time}")


def _whole_characters(data: bytes) -> int:
    """Where to cut so that UTF-8 stays whole; what is none is cut anywhere."""
    for back in range(1, 4):
        if data[-back] & 0xC0 != 0x80:
            return len(data) - back if data[-back] >= 0xC0 else len(data)
    return len(data)
