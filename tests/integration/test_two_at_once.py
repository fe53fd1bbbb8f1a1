"""Two at once, where only one may win: on Postgres transactions run beside each other, in one service and in two."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psycopg
import pytest

from outrider_service.accounting.budgets import Budgets
from outrider_service.auth import Caller
from outrider_service.capacity.leases import list_leases
from outrider_service.capacity.room import Room
from outrider_service.catalog import ConfiguredCatalog
from outrider_service.catalog.configured import CatalogFile
from outrider_service.catalog.selection import RequestRefused
from outrider_service.clock import now
from outrider_service.db import Database
from outrider_service.db.engine import migrate
from outrider_service.jobs import scheduler, store
from outrider_service.jobs.job_secrets import JobSecrets
from outrider_service.jobs.reconcile_queue import ReconcileQueue
from outrider_service.jobs.reconciler import Reconciler
from outrider_service.jobs.scheduler import Scheduler
from outrider_service.jobs.submit import Submitter
from outrider_service.jobs.transitions import Transitions
from outrider_service.notebooks.leasing import Spawns
from outrider_service.schema.jobs import Status, Submission
from outrider_service.schema.resources import SpawnRequest
from outrider_service.signals import Signals
from outrider_service.storage.directories import Directories
from outrider_service.storage.snapshots import Snapshots
from outrider_service.vault import Accounts, Vault
from outrider_service.vault.sealing import Seal
from tests.integration.harness import CATALOG, ServiceProcess, User, eventually, zip_of

Make = Callable[..., ServiceProcess]
ALICE = Caller("alice", "user", False, ("team",), frozenset())


@pytest.fixture(params=["sqlite", "postgres"])
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/db" if request.param == "sqlite" else request.getfixturevalue("fresh_postgres")
    await asyncio.to_thread(migrate, url)
    database = Database(url)
    yield database
    await database.close()


def catalog(**limits: Any) -> ConfiguredCatalog:
    return ConfiguredCatalog(CatalogFile.model_validate({**CATALOG, "limits": limits}))


async def no_limits(*_: Any) -> None:
    """Nothing is in the way of a job."""


async def submitted(db: Database, known: ConfiguredCatalog, caller: Caller = ALICE, **fields: Any) -> str:
    backend: Any = SimpleNamespace(refusal=lambda _: None, most_nodes=4)
    vault = Vault(db, Seal(Path(tempfile.mkdtemp()) / "keys"))
    job_secrets = JobSecrets(db, vault, Accounts(vault))
    submitter = Submitter(db, known, {"default": backend}, job_secrets, no_limits)
    wanted = Submission.model_validate({"command": "true", "machine": "tiny", **fields})
    return (await submitter.submit(caller, wanted, None)).job.id


async def test_a_stop_and_a_placement_at_once_leave_no_machine_held(db: Database) -> None:
    known = catalog()
    job_id = await submitted(db, known)
    queue = Scheduler(db, known, "default", Room(4, 4096))
    reconciler: Any = SimpleNamespace(transitions=Transitions(db, Signals(), lambda: None), queue=ReconcileQueue())
    async with db.write() as conn:
        await store.set_desired(conn, job_id, "stop", "cancelled_by_user")
        job = await store.get_job(conn, job_id)
        await store.set_desired(conn, job_id, "run", None)
    assert job is not None
    async with db.write() as conn:
        await queue._pass(conn, now())
        # The placement is not committed yet when somebody else looks.
        cancelling = asyncio.create_task(Reconciler._pending(reconciler, job))
        await asyncio.wait({cancelling}, timeout=0.5)
    await cancelling
    async with db.read() as conn:
        after = await store.get_job(conn, job_id)
        held = await list_leases(conn)
    assert after is not None
    assert (after.status, len(held)) == (Status.PROVISIONING, 1), "the stop comes by the way of a job that has started"


async def test_jobs_that_a_limit_holds_back_hold_back_nobody_else(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "LOOK_AHEAD", 5)
    known = catalog(**{"group:team": {"max_running": 1}, "default": {"max_pending": None}})
    for _ in range(12):
        await submitted(db, known, group="team")
    other = await submitted(db, known, Caller("bob", "user", False, (), frozenset()))
    placed, _ = await Scheduler(db, known, "default", Room(4, 4096)).run()
    assert other in placed
    assert len(placed) == 2


async def test_a_job_that_waits_for_its_retry_holds_back_nobody(db: Database) -> None:
    known = catalog()
    later, other = await submitted(db, known), await submitted(db, known)
    retry_at = now() + 1000
    async with db.write() as conn:
        await store.update_job(conn, later, not_before=retry_at)
    placed, due = await Scheduler(db, known, "default", Room(4, 4096)).run()
    assert (placed, due) == ([other], retry_at)


async def test_the_gpus_of_all_machines_of_a_job_count(db: Database) -> None:
    pair = {"name": "pair", "cpu": 1, "memory_mb": 64, "gpu": 2}
    limits = {"default": {"max_gpus": 6}, "group:team": {"max_gpus": 4}}
    known = ConfiguredCatalog(CatalogFile.model_validate({**CATALOG, "machines": [pair], "limits": limits}))
    wide = {"machine": "pair", "nodes": 2}
    first = await submitted(db, known, group="team", **wide)  # type: ignore[arg-type]
    await submitted(db, known, group="team", **wide)  # type: ignore[arg-type]
    queue = Scheduler(db, known, "default", None)
    placed, _ = await queue.run()
    assert placed == [first], "four are the group's limit, and four are in use"
    async with db.read() as conn:
        assert [lease.gpu_count for lease in await list_leases(conn)] == [4]
    with pytest.raises(RequestRefused, match="would have 8 GPUs, and you may use 6"):
        await submitted(db, known, machine="pair", nodes=4)
    with pytest.raises(RequestRefused, match="the group team may use 4"):
        await submitted(db, known, group="team", machine="pair", nodes=3)


async def test_all_machines_of_a_job_count_towards_what_one_user_may_hold(db: Database) -> None:
    few = {"name": "few", "cpu": 1, "memory_mb": 64, "max_per_user": 3}
    known = ConfiguredCatalog(CatalogFile.model_validate({**CATALOG, "machines": [few]}))
    first = await submitted(db, known, machine="few", nodes=2)
    await submitted(db, known, machine="few", nodes=2)
    placed, _ = await Scheduler(db, known, "default", None).run()
    assert placed == [first], "two are held, and three is the most"
    with pytest.raises(RequestRefused, match="nodes: you may hold 3 of few at once"):
        await submitted(db, known, machine="few", nodes=4)
    backend: Any = SimpleNamespace(refusal=lambda _: None)
    spawns = Spawns(db, known, {"default": backend}, {}, "/", Budgets(db, known), 43200, lambda _: None)
    await spawns.acquire(ALICE, "one", SpawnRequest(machine="few"))
    with pytest.raises(RequestRefused, match="you may hold 3 of few at once, and hold 3"):
        await spawns.acquire(ALICE, "two", SpawnRequest(machine="few"))


async def test_notebooks_that_ask_at_once_get_no_more_than_there_is(db: Database) -> None:
    backend: Any = SimpleNamespace(refusal=lambda _: None)
    room, budgets = Room(4, 4096), Budgets(db, catalog())
    spawns = Spawns(db, catalog(), {"default": backend}, {"default": room}, "/", budgets, 43200, lambda _: None)

    async def ask(number: int) -> bool:
        try:
            await spawns.acquire(ALICE, f"s{number}", SpawnRequest(machine="whole"))
        except RequestRefused:
            return False
        return True

    assert sum(await asyncio.gather(*(ask(number) for number in range(8)))) == 1


async def test_the_same_upload_at_once_is_kept_once(db: Database, tmp_path: Path) -> None:
    directories = Directories(tmp_path / "home")
    directories.make()
    content = zip_of({"main.py": "print(1)"})
    received = Snapshots(db, directories)

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    async def send(owner: str) -> str:
        return str((await received.receive(chunks(), owner, 2**20))["id"])

    owners = ["alice", "bob"] * 4
    assert len(set(await asyncio.gather(*(send(owner) for owner in owners)))) == 1
    assert len(list(directories.snapshots.iterdir())) == 1
    assert not list(directories.uploads.iterdir())


def end_lock(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        found = connection.execute("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted").fetchall()
        for (pid,) in found:
            connection.execute("SELECT pg_terminate_backend(%s)", (pid,))


def test_a_service_that_lost_its_lock_writes_no_more(make_service: Make, fresh_postgres: str, tmp_path: Path) -> None:
    first = make_service(database=fresh_postgres, home=tmp_path / "shared").start()
    second = make_service(database=fresh_postgres, home=tmp_path / "shared").start(wait=False)
    alice = first.user("alice")
    alice.ended(alice.submit("true"))
    end_lock(fresh_postgres)
    try:
        status = alice.post("/jobs", json={"command": "true", "machine": "tiny"}).status_code
    except httpx.HTTPError:
        status = 0
    assert status != 201
    assert first.process is not None
    assert first.process.wait(20) == 1
    eventually("the other one has taken over", second.answers)
    later = User(second, "alice-token", "alice")
    assert later.run("true")["status"] == "succeeded"
