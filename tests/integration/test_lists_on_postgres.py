"""What PostgreSQL knows of the jobs that it lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import create_engine, insert, text

from benchmarks.fill import job_row
from outrider_service.db import Database
from outrider_service.db.engine import async_url, migrate
from outrider_service.db.tables import jobs
from outrider_service.jobs import store
from outrider_service.jobs.model import new_job_id
from tests.unit.service.test_database import job


@pytest.fixture
def url(fresh_postgres: str) -> Iterator[str]:
    migrate(fresh_postgres)
    yield fresh_postgres


def test_a_search_for_a_common_word_is_not_taken_for_a_rare_one(url: str) -> None:
    """Else it reads and sorts all jobs that pass the other filters instead of walking the list until a page is full."""
    engine = create_engine(async_url(url))
    with engine.begin() as conn:
        conn.execute(insert(jobs), [job_row(new_job_id(), {}, float(n)) | {"name": f"train-{n}"} for n in range(2000)])
    engine.dispose()
    with psycopg.connect(url, autocommit=True) as conn:
        if conn.info.server_version < 140000:
            pytest.skip("this PostgreSQL keeps no statistics of expressions")
        conn.execute("ANALYZE jobs")
        plan = conn.execute(
            """EXPLAIN (FORMAT JSON) SELECT id FROM jobs WHERE lower(name COLLATE "C") LIKE '%train%'"""
        ).fetchone()
    assert plan is not None and plan[0][0]["Plan"]["Plan Rows"] > 1000


@pytest.mark.parametrize("rare", [1, 1000])
async def test_a_tag_finds_the_same_jobs_however_many_have_it(
    url: str, monkeypatch: pytest.MonkeyPatch, rare: int
) -> None:
    monkeypatch.setattr(store, "RARE_TAG", rare)
    db = Database(url)
    async with db.write() as conn:
        for n in range(20):
            tags = ["even" if n % 2 == 0 else "odd"]
            await store.insert_job(conn, replace(job(n), group_name="team" if n % 4 == 0 else None), tags)
    async with db.read() as conn:
        page = await store.list_jobs(conn, store.JobFilter(tag="even"), None, 7)
        rest = await store.list_jobs(conn, store.JobFilter(tag="even"), page.next, 7)
        shared = await store.list_jobs(conn, store.JobFilter(seen_by="b", groups=("team",), tag="even"), None, 7)
        none = await store.list_jobs(conn, store.JobFilter(tag="neither"), None, 7)
    assert [int(found.id[1:]) for found in page.items + rest.items] == list(range(18, -1, -2))
    assert [int(found.id[1:]) for found in shared.items] == [16, 12, 8, 4, 0]
    assert none.items == []
    await db.close()


async def test_a_search_is_planned_for_its_own_text(url: str) -> None:
    """Also in transactions after one that was rolled back."""
    db = Database(url)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            async with db.write() as conn:
                found = (await conn.execute(text("SHOW plan_cache_mode"))).scalar_one()
                raise RuntimeError
        assert found == "force_custom_plan"
    await db.close()
