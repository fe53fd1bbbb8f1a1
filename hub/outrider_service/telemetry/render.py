"""Renders log lines for streams: JSON without a model per line, once for all followers."""

from __future__ import annotations

import asyncio
from typing import Final

import orjson

from ..clock import as_date
from ..user_threads import UserThreads
from .journal import Journal, StoredLine

STREAM_LINES: Final = 1000
AT_ONCE: Final = 100
"""Up to this many new lines are rendered immediately, which covers live following."""
MOST_CACHED: Final = 32 << 20
"""Bytes of rendered lines that are kept for all logs together."""


def as_json(lines: list[StoredLine]) -> bytes:
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


Piece = tuple[int, bytes]
"""The number of the last line, and the lines as a JSON array."""


def _render(journal: Journal, after: int) -> Piece | None:
    lines = journal.read(after, STREAM_LINES)
    return (lines[-1][0], as_json(lines)) if lines else None


class LineCache:
    """The newest piece of each followed log as sent, so that 500 followers of a line cost one rendering. Who catches up
    with a long log does so in their own share of the threads."""

    def __init__(self, threads: UserThreads) -> None:
        self._threads = threads
        self._last: dict[str, tuple[int, int, int, bytes]] = {}
        self._bytes = 0
        self._rendering: dict[tuple[str, str, int], asyncio.Task[Piece | None]] = {}

    async def after(self, user: str, job_id: str, journal: Journal, after: int) -> Piece | None:
        """What follows the line ``after`` of a log, or None."""
        total = journal.checkpoint.lines
        if total <= after:
            return None
        known = self._last.get(job_id)
        # A piece that ends before the log did then is full: it stays as it is however the log grows.
        if known is not None and known[0] == after and (known[1] < known[2] or known[2] == total):
            return known[1], known[3]
        if total - after <= AT_ONCE:
            piece = _render(journal, after)
        else:
            piece = await self._in_thread(user, job_id, journal, after)
        if piece is not None:
            self._keep(job_id, after, total, piece)
        return piece

    async def _in_thread(self, user: str, job_id: str, journal: Journal, after: int) -> Piece | None:
        key = (user, job_id, after)
        task = self._rendering.get(key)
        if task is None:
            task = asyncio.create_task(self._threads.run_on(user, _render, journal, after))
            self._rendering[key] = task
            task.add_done_callback(lambda _: self._rendering.pop(key, None))
        return await asyncio.shield(task)

    def _keep(self, job_id: str, after: int, total: int, piece: Piece) -> None:
        known = self._last.get(job_id)
        last, data = piece
        if known is not None:
            self._bytes -= len(known[3])
        if self._bytes + len(data) > MOST_CACHED:
            self._last.clear()
            self._bytes = 0
        self._last[job_id] = (after, last, total, data)
        self._bytes += len(data)
