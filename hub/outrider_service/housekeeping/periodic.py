"""Tasks that run again and again, and go on whatever happens in one of their rounds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

log = logging.getLogger(__name__)

RETRY_S: Final = 60.0
"""The wait after a round that failed."""


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """``run`` does one round and returns the seconds until the next; the first begins after ``first_s``."""

    name: str
    run: Callable[[], Awaitable[float]]
    first_s: float


class Periodic:
    """Runs tasks side by side. ``expected``: failures that need no traceback in the log."""

    def __init__(self, tasks: Sequence[PeriodicTask], expected: type[Exception]) -> None:
        self._planned = tasks
        self._expected = expected
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._running = [asyncio.create_task(self._repeat(task), name=task.name) for task in self._planned]

    async def stop(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _repeat(self, task: PeriodicTask) -> None:
        wait_s = task.first_s
        while True:
            await asyncio.sleep(wait_s)
            try:
                wait_s = await task.run()
            except self._expected as error:
                log.warning("%s skipped: %s", task.name, error)
                wait_s = RETRY_S
            except Exception:
                log.exception("%s failed", task.name)
                wait_s = RETRY_S
