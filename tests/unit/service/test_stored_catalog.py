"""The file seeds the catalog; what an admin decided stays decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from outrider_service.catalog.configured import CatalogFile
from outrider_service.catalog.model import ImageEntry, LimitSet, MachineType
from outrider_service.catalog.stored import StoredCatalog
from outrider_service.db import Database
from outrider_service.db.engine import migrate


def file(*machines: str, price: float = 1, **more: Any) -> CatalogFile:
    return CatalogFile.model_validate(
        {
            "images": [{"name": "python"}],
            "machines": [
                {"name": name, "cpu": 1, "memory_mb": 64, "price_per_hour": price} for name in machines or ["small"]
            ],
            **more,
        }
    )


@pytest.fixture
async def db(tmp_path: Path) -> Any:
    migrate(url := f"sqlite:///{tmp_path}/db")
    database = Database(url)
    yield database
    await database.close()


async def started(db: Database, content: CatalogFile) -> StoredCatalog:
    """The catalog of a service that starts with this file."""
    catalog = StoredCatalog(db)
    await catalog.load(content)
    return catalog


def prices(catalog: StoredCatalog) -> dict[str, float]:
    return {machine.name: machine.price_per_hour for machine in catalog.machines()}


async def test_entries_follow_the_file_until_an_admin_changes_them(db: Database) -> None:
    catalog = await started(db, file("small", "large"))
    dearer = MachineType(name="large", cpu=1, memory_mb=64, price_per_hour=5)
    await catalog.save("machine", "large", dearer, "root")
    catalog = await started(db, file("small", "large", price=2))
    assert prices(catalog) == {"small": 2, "large": 5}
    catalog = await started(db, file("tiny"))
    assert prices(catalog) == {"tiny": 1, "large": 5}


async def test_what_an_admin_removed_does_not_come_back(db: Database) -> None:
    catalog = await started(db, file("small", "large"))
    await catalog.remove("machine", "large", "root")
    assert prices(catalog) == {"small": 1}
    assert prices(await started(db, file("small", "large"))) == {"small": 1}
    # Unless they want it back.
    again = MachineType(name="large", cpu=1, memory_mb=64)
    await catalog.save("machine", "large", again, "root")
    assert prices(await started(db, file("small", "large"))) == {"small": 1, "large": 0}


async def test_the_admins_order_is_the_order(db: Database) -> None:
    catalog = await started(db, file("a", "b"))
    await catalog.save("machine", "c", MachineType(name="c", cpu=1, memory_mb=64), "root")
    assert list(prices(catalog)) == ["a", "b", "c"]
    await catalog.save("machine", "c", MachineType(name="c", cpu=1, memory_mb=64), "root", position=0)
    assert list(prices(await started(db, file("a", "b")))) == ["a", "c", "b"]


async def test_disabled_is_found_by_name_and_not_offered(db: Database) -> None:
    catalog = await started(db, file("small"))
    await catalog.save("machine", "small", MachineType(name="small", cpu=1, memory_mb=64, enabled=False), "root")
    assert catalog.machines() == []
    assert catalog.machine("small") is not None


async def test_own_images_are_seen_by_their_owner_alone(db: Database) -> None:
    catalog = await started(db, file())
    await catalog.save("image", "mine:1", ImageEntry(name="mine:1"), "alice", owner="alice")
    catalog = await started(db, file())
    assert [image.name for image in catalog.images("alice")] == ["python", "mine:1"]
    assert [image.name for image in catalog.images("bob")] == ["python"]
    assert catalog.image("mine:1", "bob") is None
    await catalog.remove("image", "mine:1", "alice", owner="alice")
    assert (await started(db, file())).image("mine:1", "alice") is None


async def test_what_a_registry_said_is_kept_and_the_entry_still_follows_the_file(db: Database) -> None:
    catalog = await started(db, file())
    row = catalog.row("image", "python")
    assert row is not None
    await catalog.note_facts(row, {"status": "ok"})
    titled = file(images=[{"name": "python", "title": "New"}])
    row = (await started(db, titled)).row("image", "python")
    assert row is not None and row.facts == {"status": "ok"} and row.model.title == "New"


async def test_limits_are_the_users_own_or_the_default(db: Database) -> None:
    catalog = await started(db, file(limits={"default": {"max_gpus": 1}}))
    await catalog.save("limits", "user:alice", LimitSet(max_gpus=4), "root")
    assert (catalog.limits("alice").max_gpus, catalog.limits("bob").max_gpus) == (4, 1)
