"""Runs each query once for all followers of a job.

A job's topic counts up whenever its record or timeline changes, so everybody who has seen the same count wants the
same rows. The queries of all followers together hold a few connections at most.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from ..db import Database
from ..db.shares import on_behalf_of
from ..signals import Signals
from . import store
from .model import JobRecord

T = TypeVar("T")

AT_ONCE: Final = 4
"""Connections that followers hold together."""
MOST_KEPT: Final = 512
LONGEST_KEPT_S: Final = 2.0
"""The maximum age of a shared answer, in case a change was not announced."""


@dataclass(slots=True)
class _Answer:
    version: int
    until: float
    task: asyncio.Task[Any]


class JobReads:
    """Queries about jobs, shared by everyone who asks while the job does not change."""

    def __init__(self, db: Database, signals: Signals) -> None:
        self.signals = signals
        self._db = db
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._answers: OrderedDict[tuple[str, Hashable], _Answer] = OrderedDict()

    async def get(self, job_id: str, what: Hashable, query: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """The query's result; ``what`` names it among those about the job."""
        key, version, time = (job_id, what), self.signals.value(f"job/{job_id}"), asyncio.get_running_loop().time()
        answer = self._answers.get(key)
        failed = answer is not None and answer.task.done() and (answer.task.cancelled() or answer.task.exception())
        if answer is None or failed or answer.version != version or answer.until < time:
            answer = _Answer(version, time + LONGEST_KEPT_S, asyncio.create_task(self._ask(query)))
            self._answers[key] = answer
            if len(self._answers) > MOST_KEPT:
                self._answers.popitem(last=False)
        self._answers.move_to_end(key)
        # Shielded, so that a follower that disconnects does not cancel the query for the others.
        found: T = await asyncio.shield(answer.task)
        return found

    async def job(self, job_id: str) -> JobRecord | None:
        return await self.get(job_id, "job", lambda conn: store.get_job(conn, job_id))

    async def events(self, job_id: str, after: int, limit: int) -> list[dict[str, Any]]:
        """The timeline after an event."""
        return await self.get(
            job_id, ("events", after, limit), lambda conn: store.list_events(conn, job_id, after, limit)
        )

    async def _ask(self, query: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        # Everybody's, and so on nobody's account but the followers'.
        on_behalf_of(None)
        async with self._turns, self._db.read() as conn:
            return await query(conn)
