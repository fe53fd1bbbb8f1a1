"""The reconciler beside platforms that are away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from outrider_service.backends.base import AttemptRef, Observation, Phase, PlatformAway
from outrider_service.db import Database
from outrider_service.db.engine import migrate
from outrider_service.jobs.reconcile_queue import ReconcileQueue
from outrider_service.jobs.reconciler import Reconciler
from outrider_service.jobs.store import delete_job, insert_job
from outrider_service.schema.jobs import Status
from tests.unit.service.test_database import job

LEFT = AttemptRef("jleftover0001", 1)


class Platform:
    """Does not answer the first time, and holds something of a job that nobody knows."""

    def __init__(self) -> None:
        self.asked = 0
        self.removed = asyncio.Event()

    async def known(self) -> list[AttemptRef]:
        self.asked += 1
        if self.asked == 1:
            raise PlatformAway("it does not answer")
        return [] if self.removed.is_set() else [LEFT]

    async def events(self) -> AsyncIterator[AttemptRef]:
        await asyncio.Event().wait()
        yield LEFT

    async def stop(self, ref: AttemptRef, grace_s: float) -> None:
        pass

    async def remove(self, ref: AttemptRef) -> None:
        self.removed.set()

    async def observe(self, ref: AttemptRef) -> Any:
        return SimpleNamespace(phase=Phase.ABSENT)


async def test_a_platform_that_is_away_at_the_start_is_asked_again(tmp_path: Path) -> None:
    await asyncio.to_thread(migrate, url := f"sqlite:///{tmp_path}/db")
    db, platform, nothing = Database(url), Platform(), SimpleNamespace(stop=lambda: asyncio.sleep(0))
    unused: Any = nothing
    backends: Any = {"away": platform}
    reconciler = Reconciler(db, unused, unused, backends, {}, unused, unused, unused, unused, ReconcileQueue())
    await reconciler.start()
    try:
        await asyncio.wait_for(platform.removed.wait(), 30)
    finally:
        await reconciler.stop()
        await db.close()


class Waits:
    """Says of every attempt that it waits for a machine."""

    async def observe(self, ref: AttemptRef) -> Observation:
        return Observation(Phase.STARTING, message="Waiting for a free machine.")


async def test_of_those_that_wait_only_who_is_told_something_new_is_looked_at(tmp_path: Path) -> None:
    await asyncio.to_thread(migrate, url := f"sqlite:///{tmp_path}/db")
    db = Database(url)
    unused: Any = SimpleNamespace()
    found: list[str] = []

    async def woken(changes: dict[str, Any]) -> bool:
        waits = replace(job(len(found)), status=Status.PROVISIONING, attempt=1, message="Waiting for a free machine.")
        found.append(waits.id)
        async with db.write() as conn:
            await insert_job(conn, replace(waits, **changes), [])
        backends: Any = {"default": Waits()}
        queue = ReconcileQueue()
        reconciler = Reconciler(db, unused, unused, backends, {}, unused, unused, unused, unused, queue)
        await reconciler._look_at_all()
        return len(queue) > 0

    try:
        assert not await woken({})
        for changes in (
            {"message": "Waiting for a free machine: 3 ahead."},
            {"status": Status.RUNNING},
            {"status": Status.STOPPING},
            {"desired": "stop"},
            {"stop_reason": "over_budget"},
        ):
            assert await woken(changes), changes
            async with db.write() as conn:
                await delete_job(conn, found[-1])
        assert not await woken({})
    finally:
        await db.close()
