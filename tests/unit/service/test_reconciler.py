"""The reconciler beside platforms that are away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from outrider_service.backends.base import AttemptRef, Observation, Phase, PlatformAway
from outrider_service.db import Database
from outrider_service.db.engine import migrate
from outrider_service.jobs.model import JobRecord
from outrider_service.jobs.reconcile_queue import ReconcileQueue
from outrider_service.jobs.reconciler import Reconciler
from outrider_service.jobs.store import delete_job, get_job, insert_job
from outrider_service.schema.jobs import Status
from tests.unit.service.test_database import job

UNKNOWN = AttemptRef("jrestored0001", 1)


class Platform:
    """Does not answer the first time, and holds something of a job that ended and of one that nobody knows. ``runs``:
    that has yet to be stopped."""

    def __init__(self, ended: AttemptRef, runs: bool) -> None:
        self.asked = 0
        self.held = {ended, UNKNOWN}
        self.stopped: set[AttemptRef] = set()
        self.runs = runs
        self.removed = asyncio.Event()

    async def known(self) -> list[AttemptRef]:
        self.asked += 1
        if self.asked == 1:
            raise PlatformAway("it does not answer")
        return sorted(self.held, key=lambda ref: ref.job_id == UNKNOWN.job_id, reverse=True)

    async def events(self) -> AsyncIterator[AttemptRef]:
        await asyncio.Event().wait()
        yield UNKNOWN

    async def stop(self, ref: AttemptRef, grace_s: float) -> None:
        self.stopped.add(ref)
        self.runs = False

    async def remove(self, ref: AttemptRef) -> None:
        if not self.runs:
            self.held.discard(ref)
            self.removed.set()

    async def observe(self, ref: AttemptRef) -> Any:
        return SimpleNamespace(phase=Phase.RUNNING if ref in self.held else Phase.ABSENT)


@contextlib.asynccontextmanager
async def reconciling(
    tmp_path: Path, *, runs: bool = False, **changes: Any
) -> AsyncIterator[tuple[Database, Platform, JobRecord]]:
    """A reconciler at work beside that platform, and the job of which it holds something."""
    await asyncio.to_thread(migrate, url := f"sqlite:///{tmp_path}/db")
    ended = replace(job(1), cluster="away", status=Status.FAILED, attempt=1, **changes)
    db, platform = Database(url), Platform(AttemptRef(ended.id, 1), runs)
    async with db.write() as conn:
        await insert_job(conn, ended, [])

    async def nothing(*_: Any) -> None:
        pass

    threads = SimpleNamespace(run_on=nothing)
    unused: Any = SimpleNamespace(stop=nothing, forget=nothing, remove_job=lambda _: None, threads=threads)
    backends: Any = {"away": platform}
    reconciler = Reconciler(db, unused, unused, backends, {}, unused, unused, unused, unused, ReconcileQueue())
    await reconciler.start()
    try:
        yield db, platform, ended
    finally:
        await reconciler.stop()
        await db.close()


async def test_a_platform_that_is_away_at_the_start_is_asked_again(tmp_path: Path) -> None:
    async with reconciling(tmp_path) as (_, platform, _):
        await asyncio.wait_for(platform.removed.wait(), 30)


async def test_what_the_database_does_not_know_is_left_alone(tmp_path: Path) -> None:
    """It was asked about first, so it would be gone by now."""
    async with reconciling(tmp_path) as (_, platform, _):
        await asyncio.wait_for(platform.removed.wait(), 30)
        assert platform.held == {UNKNOWN}
        assert platform.stopped == set()


async def test_a_deleted_job_is_known_until_the_platform_holds_nothing_of_it(tmp_path: Path) -> None:
    async with reconciling(tmp_path, runs=True, desired="delete") as (db, platform, deleted):

        async def gone() -> None:
            while True:
                async with db.read() as conn:
                    if await get_job(conn, deleted.id) is None:
                        return
                await asyncio.sleep(0.05)

        await asyncio.wait_for(gone(), 30)
        assert platform.stopped == {AttemptRef(deleted.id, 1)}
        assert platform.held == {UNKNOWN}


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
