"""What a platform holds and the database does not know: told, and left alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from outrider_service.backends.base import AttemptRef, Found, Installation, PlatformAway
from outrider_service.db import Database
from outrider_service.db.engine import migrate
from outrider_service.jobs.belongings import Belongings, unknown
from outrider_service.jobs.installation import load_installation
from outrider_service.jobs.store import insert_job
from tests.unit.service.test_database import job

KNOWN = AttemptRef("j0123456789ab", 2)


@pytest.mark.parametrize(
    ("one", "is_unknown"),
    [
        (Found("a", True, attempt=KNOWN), False),
        (Found("a", True, attempt=replace(KNOWN, number=1)), False),
        (Found("a", True, attempt=replace(KNOWN, number=3)), True),
        (Found("a", True, attempt=AttemptRef("jrestored0000", 1)), True),
        (Found("a", False, attempt=KNOWN), True),
        (Found("a", True, notebook=("ann", "")), False),
        (Found("a", True, notebook=("bob", "")), True),
    ],
)
def test_what_is_unknown(one: Found, is_unknown: bool) -> None:
    assert (unknown([one], {KNOWN.job_id: 2}, {"notebook/ann/"}) == {"a"}) is is_unknown


class Platform:
    """Holds what it is told to, and says of nothing else that it can be asked."""

    def __init__(self) -> None:
        self.away = False
        self.holds: list[Found] = []
        self.adopted: list[AttemptRef] = []

    async def known(self) -> list[AttemptRef]:
        if self.away:
            raise PlatformAway("it does not answer")
        return [one.attempt for one in self.holds if one.attempt is not None and one.ours]

    async def found(self) -> list[Found]:
        return self.holds

    async def adopt(self, known: list[AttemptRef]) -> None:
        self.adopted = known


async def test_it_is_told_once_it_is_certain_and_adopted_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await asyncio.to_thread(migrate, url := f"sqlite:///{tmp_path}/db")
    db, platform = Database(url), Platform()
    backends: Any = {"default": platform}
    belongings = Belongings(db, backends)
    try:
        one = replace(job(1), attempt=1)
        async with db.write() as conn:
            await insert_job(conn, one, [])
        platform.holds = [Found("mine", True, attempt=AttemptRef(one.id, 1)), Found("lost", False, attempt=KNOWN)]
        first = await load_installation(db)
        assert not first.adopted
        platform.away = True
        assert not await belongings.adopt(first)
        assert await load_installation(db) == first
        platform.away = False
        assert await belongings.adopt(first)
        assert platform.adopted == [AttemptRef(one.id, 1)]
        assert await load_installation(db) == Installation(first.id, adopted=True)
        await belongings.look()
        assert belongings.unknown == {"default": set()}
        for _ in range(3):
            await belongings.look()
        assert belongings.unknown == {"default": {"lost"}}
        assert len([record for record in caplog.records if "lost" in record.getMessage()]) == 1
        platform.holds = []
        await belongings.look()
        assert belongings.unknown == {"default": set()}
    finally:
        await db.close()
