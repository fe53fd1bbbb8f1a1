"""What an upload may hold, found out without unpacking it, and without believing it."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from outrider_service.db import Database
from outrider_service.db.engine import migrate
from outrider_service.db.tables import snapshot_owners
from outrider_service.jobs.store import insert_job
from outrider_service.storage import snapshots
from outrider_service.storage.directories import Directories
from outrider_service.storage.snapshots import MOST_FILES, BadSnapshot, Snapshots, check_zip
from tests.unit.service.test_database import job


def table_of_contents(entries: int, said: int) -> bytes:
    """A zip of nothing but its table of contents."""
    header = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 0, 20, 0, 0, 0, 0, 0x21, *[0] * 3, 1, *[0] * 6)
    table = (header + b"a") * entries
    return table + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, said, said, len(table), 0, 0)


def test_a_table_of_contents_without_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_path: Path) -> None:
        raise AssertionError("a million entries would become a million objects")

    monkeypatch.setattr(snapshots.zipfile, "ZipFile", read)  # type: ignore[attr-defined]
    path = tmp_path / "large.zip"
    path.write_bytes(table_of_contents(MOST_FILES + 1, said=1))
    with pytest.raises(BadSnapshot, match="files"):
        check_zip(path)


@pytest.mark.parametrize("comment", [b"", b"c" * 65535])
def test_an_honest_one_is_counted(tmp_path: Path, comment: bytes) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(50):
            archive.writestr(f"{number}.txt", "x" * 1000)
        archive.mkdir("directory")
        archive.comment = comment
    path = tmp_path / "small.zip"
    path.write_bytes(packed.getvalue())
    assert check_zip(path) == 50


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Snapshots]:
    url = f"sqlite:///{tmp_path}/test.db"
    migrate(url)
    directories = Directories(tmp_path / "home")
    directories.make()
    db = Database(url)
    yield Snapshots(db, directories)
    await db.close()


async def upload(store: Snapshots, name: str, owner: str) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, "x")

    async def chunks() -> AsyncIterator[bytes]:
        yield packed.getvalue()

    return str((await store.receive(chunks(), owner, 10**6))["id"])


async def test_uploads_that_no_job_needs_go_away_in_time(store: Snapshots) -> None:
    needed, shared, left = [await upload(store, name, "alice") for name in ("needed", "shared", "left")]
    async with store.db.write() as conn:
        await conn.execute(update(snapshot_owners).values(used_at=100.0))
    await upload(store, "shared", "bob")
    async with store.db.write() as conn:
        for n, workspace in enumerate(({"type": "snapshot", "id": needed}, {"type": "none"})):
            await insert_job(conn, replace(job(n), spec={"workspace": workspace}), [])
    assert await store.drop_unused(1000.0) == 1
    assert [await store.get(one, "alice") is not None for one in (needed, shared, left)] == [True, False, False]
    assert await store.get(shared, "bob") is not None
    files = [store.directories.snapshot(one).exists() for one in (needed, shared, left)]
    assert files == [True, True, False]
    # Asking for it is using it.
    async with store.db.write() as conn:
        await conn.execute(update(snapshot_owners).values(used_at=100.0))
    assert await store.get(shared, "bob") is not None
    assert await store.drop_unused(1000.0) == 0
