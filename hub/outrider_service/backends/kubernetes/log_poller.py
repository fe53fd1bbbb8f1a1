"""Announces when logs on the volume have grown. One thread checks all that are due: with thousands of silent jobs, a
task per log would be most of the cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .logs import sizes

TICK_S: Final = 0.1
LOOK_LAST_S: Final = 2.0
"""When to check a log: at each tick while it grows, less and less often while it does not."""


@dataclass(slots=True, eq=False)
class _Log:
    folder: Path
    node: int
    topic: str
    known: tuple[int, ...] | None = None
    pause: float = 0.0
    due: float = 0.0


class LogPoller:
    """The followed logs; ``tell(topic)`` is called once for a new log and whenever it has grown."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._logs: set[_Log] = set()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def followed(self, folder: Path, node: int, topic: str) -> Iterator[None]:
        """While in this context, the node's log in the folder is polled."""
        log = _Log(folder, node, topic)
        self._logs.add(log)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look(), name="log-growth")
        try:
            yield
        finally:
            self._logs.discard(log)

    async def _look(self) -> None:
        """Polls until no log is followed."""
        loop = asyncio.get_running_loop()
        while self._logs:
            now = loop.time()
            due = [log for log in self._logs if log.due <= now]
            if due:
                found = await asyncio.to_thread(_sizes, due)
                for log, size in zip(due, found, strict=True):
                    grown, log.known = size != log.known, size
                    log.pause = TICK_S if grown else min(LOOK_LAST_S, log.pause * 1.3)
                    # A little early, since ticks are not exact.
                    log.due = now + log.pause - TICK_S / 2
                    if grown:
                        self._tell(log.topic)
            await asyncio.sleep(TICK_S)


def _sizes(logs: list[_Log]) -> list[tuple[int, ...]]:
    return [sizes(log.folder, log.node) for log in logs]
