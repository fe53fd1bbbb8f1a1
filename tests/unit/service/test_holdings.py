"""What people hold is counted while it grows, and not given away while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from outrider_service.accounting.budgets import Budgets
from outrider_service.auth import Caller
from outrider_service.capacity.leases import add_lease, held_by, job_lease_id, list_held, list_leases
from outrider_service.catalog import ConfiguredCatalog
from outrider_service.catalog.configured import CatalogFile
from outrider_service.db import Database
from outrider_service.db.engine import migrate
from outrider_service.notebooks import leasing as spawning
from outrider_service.notebooks.leasing import Spawns
from outrider_service.schema.resources import SpawnRequest
from outrider_service.storage import usage
from outrider_service.storage.directories import Directories
from outrider_service.storage.usage import StorageUse

MIB = 2**20
CATALOG = ConfiguredCatalog(
    CatalogFile.model_validate(
        {
            "images": [{"name": "python"}],
            "machines": [{"name": "small", "cpu": 1, "memory_mb": 64}],
            "limits": {"default": {"max_storage_mb": 2}},
        }
    )
)


@pytest_asyncio.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    await asyncio.to_thread(migrate, url := f"sqlite:///{tmp_path}/db")
    database = Database(url)
    yield database
    await database.close()


async def test_a_limit_holds_while_a_large_tree_is_measured(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directories = Directories(tmp_path / "home")
    directories.make()
    use = StorageUse(db, directories, CATALOG)
    alice = "user:alice"
    assert not (await use.holding(alice)).full
    use.grew(alice, 2 * MIB)
    assert (await use.holding(alice)).full
    # From here on a look at the tree takes for ever.
    blocked = asyncio.Event()
    monkeypatch.setattr(usage, "PATIENCE_S", 0.01)
    monkeypatch.setattr(use, "_measure", lambda _subject: blocked.wait())
    use.shrank(alice)
    assert (await use.holding(alice)).full
    assert await use.refusal("alice", None) is not None
    blocked.set()


class Hub:
    """Lists nobody, as where a page was skipped, but knows those that run by their names."""

    def __init__(self, *running: tuple[str, str]) -> None:
        self.running = set(running)

    async def active_servers(self) -> set[tuple[str, str]]:
        return set()

    async def runs(self, user: str, server: str) -> bool:
        return (user, server) in self.running


async def test_a_notebook_that_a_list_left_out_keeps_its_machine(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    backend: Any = SimpleNamespace(refusal=lambda _: None, forget_notebook=lambda _: asyncio.sleep(0))
    spawns = Spawns(db, CATALOG, {"default": backend}, {}, "/", Budgets(db, CATALOG), 3600, lambda _: None)
    for user in ("alice", "bob"):
        await spawns.acquire(Caller(user, "user", False, (), frozenset()), "lab", SpawnRequest())
    monkeypatch.setattr(spawning, "FORGET_AFTER_S", -1.0)
    hub: Any = Hub(("alice", "lab"))
    await spawns.reconcile(hub)
    async with db.read() as conn:
        assert [lease.owner for lease in await list_leases(conn)] == ["alice"]


async def test_the_scheduler_sees_the_same_holdings_as_everybody_else(db: Database) -> None:
    machine = CATALOG.machine("small")
    async with db.write() as conn:
        job = job_lease_id("j00000000000a", 1)
        await add_lease(conn, job, "alice", "team", machine, "python", ["GPU-1"], 1.0, nodes=2)  # type: ignore[arg-type]
        await add_lease(conn, "notebook/bob/lab", "bob", None, machine, "python", [], 2.0)  # type: ignore[arg-type]
    async with db.read() as conn:
        held = await list_held(conn, machine.cluster)  # type: ignore[union-attr]
        assert {item.is_job for item in held} == {True, False}
        assert held == [held_by(lease) for lease in await list_leases(conn)]
        assert await list_held(conn, "another") == []
