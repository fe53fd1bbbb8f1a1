"""Time and money: cut at midnights without loss, summed by whatever is asked, written once."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from outrider_service.accounting.budgets import Account, BudgetGuard, Budgets, next_month
from outrider_service.accounting.ledger import DAY_S, Scope, day_text, month_start, pieces, settle
from outrider_service.accounting.report import report, whole_months
from outrider_service.capacity.leases import Lease, add_lease, get_lease, mark_started
from outrider_service.catalog.configured import CatalogFile
from outrider_service.catalog.stored import StoredCatalog
from outrider_service.db import Database
from outrider_service.db.engine import migrate
from outrider_service.db.tables import leases, ledger

NOON = datetime(2024, 5, 10, 12, tzinfo=UTC).timestamp()


@given(st.floats(0, 4e9), st.floats(0, 4e6), st.floats(0, 100))
def test_a_run_is_as_long_and_as_dear_as_its_days(started: float, seconds: float, price: float) -> None:
    found = list(pieces(started, started + seconds, price, 2))
    assert sum(p.seconds for p in found) == pytest.approx(seconds, abs=1e-3)
    assert sum(p.cost for p in found) == pytest.approx(seconds * price / 3600, abs=1e-3)
    assert sum(p.gpu_seconds for p in found) == pytest.approx(2 * seconds, abs=1e-3)
    assert all(0 < p.seconds <= DAY_S for p in found)
    assert len({p.day for p in found}) == len(found)


@pytest.mark.parametrize(
    ("today", "then"), [("2024-05-10", "2024-06-01"), ("2024-12-31", "2025-01-01"), ("2024-01-31", "2024-02-01")]
)
def test_the_month_ends(today: str, then: str) -> None:
    time = datetime.fromisoformat(today).replace(tzinfo=UTC).timestamp()
    assert next_month(time).date().isoformat() == then
    assert month_start(time) == datetime.fromisoformat(today[:8] + "01").replace(tzinfo=UTC).timestamp() // DAY_S


@pytest.fixture
async def db(tmp_path: Path) -> Any:
    await asyncio.to_thread(migrate, url := f"sqlite:///{tmp_path}/db")
    database = Database(url)
    yield database
    await database.close()


CONTENT = {
    "images": [{"name": "python"}],
    "machines": [{"name": "gpu", "cpu": 1, "memory_mb": 64, "gpu": 2, "price_per_hour": 3.6}],
}


async def held(db: Database, lease_id: str = "job/j1/1", owner: str = "alice", **more: Any) -> Lease:
    machine = CatalogFile.model_validate(CONTENT).machines[0]
    async with db.write() as conn:
        await add_lease(conn, lease_id, owner, more.pop("group", None), machine, "python", [], NOON, **more)
        await mark_started(conn, lease_id, NOON)
        found = await get_lease(conn, lease_id)
    assert found is not None
    return found


async def sums(db: Database, *by: str, now: float = NOON, **scope: Any) -> dict[tuple[str, ...], float]:
    async with db.read() as conn:
        found = await report(conn, Scope(**scope), by, 0, 10**6, now)
    return {keys: round(part.cost, 6) for keys, part in found}


@given(st.integers(15_000, 25_000), st.integers(0, 800))
def test_whole_months_lie_within_the_days(first: int, length: int) -> None:
    last = first + length
    begin, end = whole_months(first, last)
    if begin == end:
        assert begin == first and length < 61, "two months and a day have a whole one in them"
    else:
        assert first <= begin < end <= last + 1
        assert day_text(begin).endswith("-01") and day_text(end).endswith("-01")
        assert begin - first < 31 and last + 1 - end < 31


async def test_sums_over_months_are_those_of_their_days(db: Database) -> None:
    start = datetime(2024, 3, 1, 1, tzinfo=UTC).timestamp()
    for number, owner in enumerate(("alice", "bob")):
        for week in range(26):
            lease = await held(db, f"job/{owner}{week}/1", owner, project=f"p{week % 3}")
            begun = start + week * 7 * DAY_S
            async with db.write() as conn:
                await settle(conn, lease, begun, begun + (number + 1) * 40 * 3600)

    def day(text: str) -> int:
        return int(datetime.fromisoformat(f"{text}T00:00Z").timestamp() // DAY_S)

    starts = ("2024-03-31", "2024-04-01", "2024-04-02", "2024-04-30")
    ends = ("2024-04-30", "2024-05-01", "2024-05-31", "2024-06-15", "2024-08-31")
    for by, scope in ((("user", "project"), Scope()), (("machine",), Scope(owner="bob")), ((), Scope(project="p1"))):
        async with db.read() as conn:
            days = {n: await report(conn, scope, by, n, n, NOON) for n in range(day(starts[0]), day(ends[-1]) + 1)}
            for first, last in itertools.product(map(day, starts), map(day, ends)):
                expected: dict[tuple[str, ...], float] = {}
                for keys, part in itertools.chain.from_iterable(days[n] for n in range(first, last + 1)):
                    expected[keys] = expected.get(keys, 0.0) + part.cost
                whole = await report(conn, scope, by, first, last, NOON)
                assert {keys: part.cost for keys, part in whole} == pytest.approx(expected), (first, last)


async def test_an_end_is_written_once_however_often_it_is_told(db: Database) -> None:
    lease = await held(db)
    for finished in (NOON + 1000, NOON + 1000, NOON + 5000):
        async with db.write() as conn:
            await settle(conn, lease, NOON, finished)
    async with db.read() as conn:
        (row,) = (await conn.execute(select(ledger))).mappings()
        assert (await conn.execute(select(leases))).first() is None
    assert (row["finished_at"] - row["started_at"], row["cost"]) == (1000, pytest.approx(1.0))
    assert await sums(db, "user") == {("alice",): 1.0}


async def test_what_runs_counts_as_much_as_what_has_ended(db: Database) -> None:
    lease = await held(db)
    running = await sums(db, "user", "day", now=NOON + 86400)
    assert running == {("alice", "2024-05-10"): 43.2, ("alice", "2024-05-11"): 43.2}
    async with db.write() as conn:
        await settle(conn, lease, NOON, NOON + 86400)
    assert await sums(db, "user", "day", now=NOON + 10**6) == running


async def test_what_never_started_costs_nothing(db: Database) -> None:
    lease = await held(db)
    async with db.write() as conn:
        await settle(conn, replace(lease, started_at=None), None, NOON + 1000)
    assert await sums(db, "user") == {}


async def test_usage_by_whatever_is_asked_and_by_whoever_may(db: Database) -> None:
    for number, (owner, group, project) in enumerate(
        [("alice", None, "vision"), ("alice", "team", "vision"), ("bob", "team", None), ("bob", None, None)]
    ):
        lease = await held(db, f"job/j{number}/1", owner, group=group, project=project)
        async with db.write() as conn:
            await settle(conn, lease, NOON, NOON + 1000)
    assert await sums(db, "user") == {("alice",): 2.0, ("bob",): 2.0}
    assert await sums(db, "group") == {("",): 2.0, ("team",): 2.0}
    assert await sums(db, "project", group="team") == {("vision",): 1.0, ("",): 1.0}
    assert await sums(db, "machine", owner="bob") == {("gpu",): 2.0}
    # carol has nothing of her own and is in the team.
    assert await sums(db, "user", seen_by="carol", groups=("team",)) == {("alice",): 1.0, ("bob",): 1.0}
    assert await sums(db, "user", seen_by="carol") == {}


class Told:
    """Who was warned and what was stopped."""

    def __init__(self) -> None:
        self.warned: list[str] = []
        self.stopped: list[str] = []

    async def job(self, job_id: str) -> None:
        self.stopped.append(job_id)

    async def notebook(self, user: str, server: str) -> None:
        self.stopped.append(f"{user}/{server}")

    async def warn(self, account: Account) -> None:
        self.warned.append(account.subject)


async def test_a_budget_warns_then_stops_what_it_pays_for(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = StoredCatalog(db)
    limits = {"user:alice": {"budget_per_month": 10.0}, "group:team": {"budget_per_month": 5.0}}
    await catalog.load(CatalogFile.model_validate({**CONTENT, "limits": limits}))
    await held(db, "job/jown/1", "alice")
    await held(db, "notebook/alice/lab", "alice", group="team")
    await held(db, "job/jfree/1", "bob")
    told = Told()
    budgets = Budgets(db, catalog)
    guard = BudgetGuard(db, budgets, told, told.warn)

    async def look(cost_each: float) -> float:
        monkeypatch.setattr("outrider_service.accounting.budgets.now", lambda: NOON + cost_each * 1000)
        return await guard.look(15.0)

    assert await look(1.0) == 15.0
    assert (told.warned, told.stopped) == ([], [])
    # The round after this one comes when the team's money ends, not later.
    assert await look(4.995) == pytest.approx(5.1)
    assert (told.warned, told.stopped) == (["group:team"], [])
    await look(5.5)
    assert told.stopped == ["alice/lab"]
    await look(10.5)
    assert "jown" in told.stopped and "user:alice" in told.warned and "jfree" not in told.stopped
    assert await budgets.refusal("alice", None, 3.6) is not None
    assert await budgets.refusal("alice", None, 0.0) is None
    assert await budgets.refusal("bob", None, 3.6) is None
    assert "group team" in str(await budgets.refusal("bob", "team", 3.6))
