"""Log lines as the streams send them: JSON without a model for each line, rendered once for all followers."""

from __future__ import annotations

from typing import Final

import orjson

from ..clock import as_date
from .journal import Journal, Line

STREAM_LINES: Final = 1000
MOST_CACHED: Final = 32 << 20
"""Bytes of rendered lines that are kept for all logs together."""


def as_json(lines: list[Line]) -> bytes:
    """Lines as the stream sends them, without a model for each."""
    return orjson.dumps(
        [
            {
                "n": n,
                "time": as_date(time),
                "attempt": attempt,
                "node": node,
                "text": text.decode("utf-8", "replace"),
            }
            for n, time, attempt, node, text in lines
        ],
        option=orjson.OPT_UTC_Z,
    )


class LineCache:
    """The newest piece of each followed log as sent, so that 500 followers of a line cost one rendering."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int, int, bytes]] = {}
        self._bytes = 0

    def after(self, job_id: str, journal: Journal, after: int) -> tuple[int, bytes] | None:
        """(number of the last line, JSON array) of what follows ``after``, or None."""
        total = journal.checkpoint.lines
        if total <= after:
            return None
        known = self._last.get(job_id)
        # A piece that ends before the log did then is full: it stays as it is however the log grows.
        if known is not None and known[0] == after and (known[1] < known[2] or known[2] == total):
            return known[1], known[3]
        lines = journal.read(after, STREAM_LINES)
        if not lines:
            return None
        data = as_json(lines)
        if known is not None:
            self._bytes -= len(known[3])
        if self._bytes + len(data) > MOST_CACHED:
            self._last.clear()
            self._bytes = 0
        self._last[job_id] = (after, lines[-1][0], total, data)
        self._bytes += len(data)
        return lines[-1][0], data
