"""Cuts a growing log into chunks of whole lines, from a cursor on: shared by all platforms' log readers.

The log's lines are "<time> <text>\\n". The cursor is "<offset>" at the start of a line, or "<offset>@<time>" inside a
line longer than a chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .base import RawLog

PIECE: Final = 256 * 1024
STAMP: Final = 17


def next_piece(read: Callable[[int, int], bytes], cursor: str | None, *, final: bool) -> RawLog | None:
    """The next chunk, or None if there is nothing yet. ``read(offset, size)`` reads the log, which is complete if
    ``final``."""
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
    # One line fills the chunk: emit it as a line of its own and keep its time for the rest.
    whole = data[: _whole_characters(data)]
    time = stamp or data[:STAMP].decode("ascii", "replace")
    return RawLog(begins + whole + b"\n", f"{position + len(whole)}@{time}")


def _whole_characters(data: bytes) -> int:
    """Where to cut so that no UTF-8 character is split; invalid UTF-8 is cut at any byte."""
    for back in range(1, 4):
        if data[-back] & 0xC0 != 0x80:
            return len(data) - back if data[-back] >= 0xC0 else len(data)
    return len(data)
