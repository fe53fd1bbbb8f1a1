"""A work queue of keys: each at most once in the queue, never handled twice at once, backed off on its own.

The idea is Kubernetes' client-go work queue. Adding a key that is being handled marks it, and it is handled again
afterwards; so nothing that happens during the handling is lost.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

log = logging.getLogger(__name__)

FIRST_DELAY_S: Final = 0.1
LONGEST_DELAY_S: Final = 30.0


def backoff(failures: int) -> float:
    """Seconds to wait after the n-th failure in a row (1, 2, …): doubling, with a limit, before jitter."""
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** (failures - 1))


class WorkQueue:
    """Holds keys until ``start`` gives them a handler, which returns the seconds after which to come back, or None."""

    def __init__(self, workers: int = 8) -> None:
        self._handler: Callable[[str], Awaitable[float | None]]
        self._workers = workers
        self._ready: deque[str] = deque()
        self._queued: set[str] = set()
        self._active: set[str] = set()
        self._again: set[str] = set()
        self._failures: dict[str, int] = {}
        self._later: list[tuple[float, int, str]] = []
        self._due: dict[str, float] = {}
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, key: str) -> None:
        """Handle the key as soon as a worker is free."""
        if key in self._active:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.append(key)
            self._wake.set()

    def add_after(self, key: str, delay_s: float) -> None:
        """Handle the key after a delay; an earlier due time is kept."""
        due = asyncio.get_running_loop().time() + max(0.0, delay_s)
        if self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        heapq.heappush(self._later, (due, next(self._order), key))
        self._arm()

    def start(self, handler: Callable[[str], Awaitable[float | None]]) -> None:
        self._handler = handler
        self._tasks = [asyncio.create_task(self._work(), name=f"worker-{n}") for n in range(self._workers)]

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def __len__(self) -> int:
        return len(self._ready) + len(self._active)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._later:
            self._timer = asyncio.get_running_loop().call_at(self._later[0][0], self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        while self._later and self._later[0][0] <= now + 0.001:
            due, _, key = heapq.heappop(self._later)
            if self._due.get(key) == due:
                del self._due[key]
                self.add(key)
        self._arm()

    async def _work(self) -> None:
        while True:
            while not self._ready:
                self._wake.clear()
                await self._wake.wait()
            key = self._ready.popleft()
            self._queued.discard(key)
            self._active.add(key)
            delay: float | None = None
            try:
                delay = await self._handler(key)
                self._failures.pop(key, None)
            except asyncio.CancelledError:
                raise
            except Exception:
                failures = self._failures[key] = self._failures.get(key, 0) + 1
                delay = backoff(failures) * random.uniform(0.8, 1.2)  # noqa: S311
                log.exception("handling %s failed (%d times in a row); retrying in %.1f s", key, failures, delay)
            finally:
                self._active.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.add(key)
            elif delay is not None:
                self.add_after(key, delay)
