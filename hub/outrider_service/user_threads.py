"""Threads for users' disk work: each user has a share of the threads and a queue of their own.

A request's work is started in turn: users who wait take turns, and none has more than ``each`` threads, so whoever has
much to do waits for themselves alone. Work that nobody waits for any more is dropped from the line, and ends at its
next ``check`` where it runs already. asyncio's own executor is for the service's and its platforms' work.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from .seats import TooMany

P = ParamSpec("P")
T = TypeVar("T")

WORKERS: Final = 16
EACH: Final = 2
MOST_WAITING: Final = 64


class Abandoned(Exception):
    """The work's client is gone."""


@dataclass(slots=True, eq=False)
class _Work:
    user: str
    function: Callable[[], Any]
    done: asyncio.Future[Any]
    gone: threading.Event = field(default_factory=threading.Event)


_local = threading.local()


def check() -> None:
    """Call now and then in what may take long. Raises Abandoned in a thread whose work nobody waits for."""
    gone: threading.Event | None = getattr(_local, "gone", None)
    if gone is not None and gone.is_set():
        raise Abandoned


class UserThreads:
    """A fair executor. All methods belong to the event loop's thread."""

    def __init__(self, workers: int = WORKERS, each: int = EACH, most_waiting: int = MOST_WAITING) -> None:
        """``each``: threads of one user; ``most_waiting``: how long a user's line of impatient work may be."""
        self._each = each
        self._most_waiting = most_waiting
        self._free = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="user")
        self._running: dict[str, list[_Work]] = {}
        self._waiting: OrderedDict[str, deque[_Work]] = OrderedDict()

    def counts(self) -> dict[str, int]:
        """How much runs and waits, of all users."""
        return {
            "running": sum(len(works) for works in self._running.values()),
            "waiting": sum(len(line) for line in self._waiting.values()),
        }

    def running(self) -> Counter[str]:
        """Threads at work, by user."""
        return Counter({user: len(works) for user, works in self._running.items()})

    async def run(self, user: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's result, from a thread of the user's. Raises TooMany where the line is full."""
        if len(self._waiting.get(user, ())) >= self._most_waiting:
            raise TooMany(
                f"You have {self._most_waiting} requests waiting for the disk, which is the limit for one user. "
                "Send fewer at once."
            )
        return await self.run_on(user, function, *args, **kwargs)

    async def run_on(self, user: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for the next step of something begun, which is bounded otherwise: it waits however long the line
        is."""
        work = _Work(user, partial(function, *args, **kwargs), asyncio.get_running_loop().create_future())
        self._waiting.setdefault(user, deque()).append(work)
        self._start_more()
        try:
            found: T = await work.done
        except asyncio.CancelledError:
            self._abandon(work)
            raise
        return found

    def close(self) -> None:
        """What waits never runs; what runs ends at its next check."""
        for line in self._waiting.values():
            for work in line:
                work.done.cancel()
        self._waiting.clear()
        for works in self._running.values():
            for work in works:
                work.gone.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _abandon(self, work: _Work) -> None:
        work.gone.set()
        line = self._waiting.get(work.user)
        if line is not None and work in line:
            line.remove(work)
            if not line:
                del self._waiting[work.user]

    def _start_more(self) -> None:
        for user in list(self._waiting):
            while self._free and user in self._waiting and len(self._running.get(user, ())) < self._each:
                self._start(user)

    def _start(self, user: str) -> None:
        line = self._waiting[user]
        work = line.popleft()
        if line:
            # Whoever was served goes behind the others.
            self._waiting.move_to_end(user)
        else:
            del self._waiting[user]
        self._free -= 1
        self._running.setdefault(user, []).append(work)
        loop = asyncio.get_running_loop()
        self._pool.submit(self._work, work, loop)

    def _work(self, work: _Work, loop: asyncio.AbstractEventLoop) -> None:
        """In the thread."""
        _local.gone = work.gone
        result: Any = None
        error: BaseException | None = None
        try:
            check()
            result = work.function()
        except StopIteration as stopped:
            error = RuntimeError("the function raised StopIteration")
            error.__cause__ = stopped
        except BaseException as raised:
            error = raised
        finally:
            _local.gone = None
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._end, work, result, error)

    def _end(self, work: _Work, result: Any, error: BaseException | None) -> None:
        self._free += 1
        works = self._running[work.user]
        works.remove(work)
        if not works:
            del self._running[work.user]
        if not work.done.done():
            if error is None:
                work.done.set_result(result)
            else:
                work.done.set_exception(error)
        self._start_more()
