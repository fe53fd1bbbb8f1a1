"""The database's own promises: what was cancelled leaves no transaction behind, and lists are read from indexes."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, inspect, text

from outrider_service.db import Database
from outrider_service.db.engine import migrate
from outrider_service.db.tables import metadata
from outrider_service.jobs import store
from outrider_service.jobs.model import JobRecord
from outrider_service.schema.jobs import Status


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/test.db"
    migrate(url)
    return url


async def test_a_write_commits_rolls_back_and_leaves_nothing_when_cancelled(url: str) -> None:
    db = Database(url)
    insert = text("INSERT INTO snapshots VALUES (:id, 1, 1, 0)")

    async def count() -> int:
        async with db.read() as conn:
            return int((await conn.execute(text("SELECT count(*) FROM snapshots"))).scalar_one())

    async with db.write() as conn:
        await conn.execute(insert, {"id": "kept"})
    with pytest.raises(RuntimeError):
        async with db.write() as conn:
            await conn.execute(insert, {"id": "taken back"})
            raise RuntimeError
    assert await count() == 1

    async def begin(n: int) -> None:
        async with db.write() as conn:
            await conn.execute(insert, {"id": f"cancelled {n}"})
            await asyncio.sleep(30)

    for n in range(20):
        task = asyncio.create_task(begin(n))
        # At another point of the way each time, also while the statement is on its way to its thread.
        for _ in range(n):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with db.write() as conn:
        await conn.execute(insert, {"id": "later"})
    assert await count() == 2
    await db.close()


def test_migrations_make_the_indexes_of_the_tables(url: str) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(url)
    for table in metadata.tables.values():
        made = {index["name"] for index in inspect(engine).get_indexes(table.name)}
        assert made == {index.name for index in table.indexes}
    engine.dispose()


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"q": "x"},
        {"owner": "a", "q": "x"},
        {"status": ("failed",), "project": "p"},
        {"project": "p", "group": "g", "q": "x"},
        {"experiment": "e", "owner": "a"},
        {"seen_by": "a", "groups": ("g",), "project": "p", "status": ("pending", "running")},
        {"seen_by": "a", "tag": "t", "q": "x"},
    ],
)
async def test_what_a_list_leaves_out_is_never_read(url: str, filters: dict[str, Any]) -> None:
    db = Database(url)
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        asked.append((statement, parameters))

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    async with db.read() as conn:
        await store.list_jobs(conn, store.JobFilter(**filters), None, 25)
        statement, parameters = next(found for found in asked if "FROM jobs" in found[0])
        rows = await conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plan = [row[3] for row in rows]  # type: ignore[misc]
    looks = [step for step in plan if "jobs USING" in step and "ix_jobs" in step]
    assert looks, plan
    assert all("COVERING INDEX" in step for step in looks), plan
    await db.close()


def job(n: int) -> JobRecord:
    values: dict[str, Any] = dict.fromkeys(JobRecord.__slots__)
    numbers = ("priority", "price_per_hour", "attempt", "retries_used", "requeues_used", "not_before", "billed_s")
    texts = {"name": "n", "owner": "a", "cluster": "default", "machine": "m", "image": "i", "desired": "run"}
    values |= dict.fromkeys(numbers, 0) | texts | {"owner_groups": [], "spec": {}, "status": Status.SUCCEEDED}
    return JobRecord(**values | {"id": f"j{n:012d}", "created_at": float(n)})


@pytest.mark.parametrize("rare", [1, 1000])
async def test_a_tag_finds_the_same_jobs_however_many_have_it(
    url: str, monkeypatch: pytest.MonkeyPatch, rare: int
) -> None:
    monkeypatch.setattr(store, "RARE_TAG", rare)
    db = Database(url)
    async with db.write() as conn:
        for n in range(20):
            await store.insert_job(conn, job(n), ["even" if n % 2 == 0 else "odd", "all"])
    async with db.read() as conn:
        page = await store.list_jobs(conn, store.JobFilter(seen_by="a", groups=("g",), tag="even"), None, 7)
        rest = await store.list_jobs(conn, store.JobFilter(tag="even"), page.next, 7)
        none = await store.list_jobs(conn, store.JobFilter(tag="neither"), None, 7)
    assert [int(found.id[1:]) for found in page.items + rest.items] == list(range(18, -1, -2))
    assert (rest.next, none.items) == (None, [])
    await db.close()


def test_sums_of_usage_outlive_the_change_of_their_order(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    migrate(url, "0008")
    with closing(sqlite3.connect(tmp_path / "old.db")) as old, old:
        old.execute(
            "INSERT INTO usage_sums (scope, dimension, day, name, seconds, gpu_seconds, cost) "
            "VALUES ('all', 'user', 20000, 'alice', 7, 1, 0.5)"
        )
    migrate(url)
    with closing(sqlite3.connect(tmp_path / "old.db")) as new:
        assert new.execute("SELECT name, day, seconds, gpu_seconds, cost FROM usage_sums").fetchall() == [
            ("alice", 20000, 7, 1, 0.5)
        ]
        # A year by name is one sweep in order: nothing is sorted, and no row is fetched by itself.
        plan = new.execute(
            "EXPLAIN QUERY PLAN SELECT name, sum(cost) FROM usage_sums WHERE scope IN ('all') AND dimension = 'user' "
            "AND day >= 19700 AND day <= 20065 GROUP BY name"
        ).fetchall()
        assert [row[3] for row in plan] == ["SEARCH usage_sums USING PRIMARY KEY (scope=? AND dimension=?)"]


def test_usage_of_earlier_versions_is_summed_by_month(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    migrate(url, "0013")
    last_year, january, february = 19722, 19723, 19754
    days = [
        (last_year, "alice", 1.0),
        (january, "alice", 2.0),
        (february - 1, "alice", 4.0),
        (february - 1, "bob", 8.0),
        (february, "bob", 16.0),
    ]
    with closing(sqlite3.connect(tmp_path / "old.db")) as old, old:
        old.executemany(
            "INSERT INTO usage_days (day, owner, group_name, project, machine, kind, seconds, gpu_seconds, cost) "
            "VALUES (?, ?, '', 'p', 'm', 'job', 3600, 0, ?)",
            days,
        )
    migrate(url)
    with closing(sqlite3.connect(tmp_path / "old.db")) as new:
        found = new.execute("SELECT month, owner, seconds, cost FROM usage_months ORDER BY month, owner").fetchall()
    assert found == [
        (january - 31, "alice", 3600, 1.0),
        (january, "alice", 7200, 6.0),
        (january, "bob", 3600, 8.0),
        (february, "bob", 3600, 16.0),
    ]
