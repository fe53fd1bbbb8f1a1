"""Cuts a log that grows into whole lines, from a cursor on: what every platform's log reader does.

The log's lines are "<time> <text>\\n". The cursor is "<offset>" at a line's beginning, or "<offset>@<time>" inside a
line that is too long to wait for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .base import RawLog

PIECE: Final = 256 * 1024
STAMP: Final = 17


def next_piece(read: Callable[[int, int], bytes], cursor: str | None, *, final: bool) -> RawLog | None:
    """The next piece, or None when there is nothing (yet). ``read(offset, size)``; ``final``: nothing will follow."""
    offset, _, stamp = (cursor or "0").partition("@")
    position = int(offset)
    data = read(position, PIECE)
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
