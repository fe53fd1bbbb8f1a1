"""Followers share their queries, and nobody's work holds more of the database's pool than one user may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from outrider_service.db import Database
from outrider_service.db.engine import migrate
from outrider_service.db.shares import EACH, on_behalf_of
from outrider_service.jobs import store
from outrider_service.jobs.changes import JobChanges
from outrider_service.jobs.reads import AT_ONCE, JobReads
from outrider_service.seats import Seats, TooMany
from outrider_service.signals import Signals
from tests.integration.postgres import programs, server
from tests.unit.service.test_database import job


@pytest.fixture(scope="module")
def postgres_url() -> Any:
    where = programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with server(where) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/db"
    return str(request.getfixturevalue("postgres_url"))


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    await asyncio.to_thread(migrate, url)
    db = Database(url)
    try:
        yield db
    finally:
        await db.close()


class Counted:
    """Statements that the database was asked, and the most connections that were out at once."""

    def __init__(self, db: Database) -> None:
        self.statements = 0
        self.most = 0
        event.listen(db.engine.sync_engine, "before_cursor_execute", self._asked)
        event.listen(db.engine.sync_engine, "checkout", self._out)
        self._pool: Any = db.engine.pool

    def _asked(self, *_: Any) -> None:
        self.statements += 1

    def _out(self, *_: Any) -> None:
        self.most = max(self.most, self._pool.checkedout())


async def test_five_hundred_followers_of_a_job_ask_once(url: str) -> None:
    async with opened(url) as db:
        async with db.write() as conn:
            await store.insert_job(conn, replace(job(0), id="jfollowed0001"), [])
        signals = Signals()
        reads = JobReads(db, signals)
        followers = [JobChanges(reads, "jfollowed0001", log=True) for _ in range(500)]
        counted = Counted(db)
        for change in range(1, 4):
            found = await asyncio.gather(*(follower.look() for follower in followers))
            assert {seen.id for seen in found if seen is not None} == {"jfollowed0001"}
            assert counted.statements == change
            signals.send("job/jfollowed0001")
        assert counted.most == 1
        async with db.write() as conn:
            await store.delete_job(conn, "jfollowed0001")


async def test_followers_of_many_jobs_hold_few_connections(url: str) -> None:
    async with opened(url) as db:
        reads, counted = JobReads(db, Signals()), Counted(db)
        assert await asyncio.gather(*(reads.job(f"j{n}") for n in range(300))) == [None] * 300
        assert counted.most <= AT_ONCE


async def test_who_goes_away_does_not_take_the_answer_from_the_others(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path}/db") as db:
        reads = JobReads(db, Signals())
        first = asyncio.create_task(reads.job("j1"))
        second = asyncio.create_task(reads.job("j1"))
        await asyncio.sleep(0)
        first.cancel()
        assert await second is None


async def test_a_query_that_failed_is_asked_again(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path}/db") as db:
        reads, asked = JobReads(db, Signals()), 0

        async def query(_conn: Any) -> int:
            nonlocal asked
            asked += 1
            if asked == 1:
                raise ConnectionError
            return asked

        with pytest.raises(ConnectionError):
            await reads.get("j1", "x", query)
        assert await reads.get("j1", "x", query) == 2


async def test_one_user_never_holds_more_than_a_share_of_the_pool(url: str) -> None:
    async with opened(url) as db:
        counted, release, holding = Counted(db), asyncio.Event(), asyncio.Semaphore(0)

        async def holds() -> None:
            on_behalf_of("mallory")
            async with db.read():
                holding.release()
                await release.wait()

        tasks = [asyncio.create_task(holds()) for _ in range(150)]
        for _ in range(EACH):
            await holding.acquire()

        async def asks(user: str | None) -> Any:
            on_behalf_of(user)
            async with db.read() as conn, db.read():  # within a turn, another is not waited for
                return await store.get_job(conn, "j1")

        # While all that mallory may hold is held: another user's work, and the service's own.
        assert list(await asyncio.gather(asks("alice"), asks("bob"), asks(None))) == [None] * 3
        assert counted.most <= EACH + 6
        release.set()
        await asyncio.gather(*tasks)


def test_a_seat_is_free_again_after_its_block() -> None:
    seats = Seats(2, "doors")
    with seats.take("alice"), seats.take("alice"):
        with (
            pytest.raises(TooMany, match="You have 2 doors open, which is the limit for one user"),
            seats.take("alice"),
        ):
            pass
        with seats.take("bob"):
            assert len(seats) == 3
    assert len(seats) == 0
