"""Snapshots: zip files named by their hash, uploaded as a stream, checked before they are kept.

The service never unpacks one; that happens inside the job's sandbox. It reads the list of entries to refuse at once
what could not be unpacked there.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import stat
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from outrider.runner.archive import directory_size

from ..clock import now
from ..db import Database
from ..db.shares import for_everybody
from ..db.tables import jobs, snapshot_owners, snapshots
from ..db.upsert import upsert
from ..user_threads import UserThreads, check
from .directories import Directories

MOST_FILES: Final = 200_000
LARGEST_UNPACKED: Final = 4096 * 2**20
LONGEST_PATH: Final = 1024
LONGEST_TRAILER: Final = 1 << 17
"""More than can follow the table of contents: its end records and a comment."""
ENTRY: Final = b"PK\x01\x02"


class BadSnapshot(Exception):
    """The upload is not a usable workspace; the message is for the user."""


class SnapshotTooLarge(BadSnapshot):
    """More than the limit."""


def check_zip(path: Path) -> int:
    """The number of files in a workspace's zip. Raises BadSnapshot for anything that could do harm."""
    try:
        if count_entries(path) > MOST_FILES:
            raise BadSnapshot(f"workspace: more than {MOST_FILES} files")
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError) as error:
        raise BadSnapshot(f"workspace: not a zip file ({error})") from error
    unpacked = 0
    for entry in entries:
        check()
        check_entry(entry)
        unpacked += entry.file_size
    if unpacked > LARGEST_UNPACKED:
        raise SnapshotTooLarge(f"workspace: {unpacked >> 20} MiB when unpacked; {LARGEST_UNPACKED >> 20} are allowed")
    return sum(not entry.is_dir() for entry in entries)


def count_entries(path: Path) -> int:
    """How many entries the table of contents may have, before it is read: each becomes an object of half a kilobyte.
    What the archive itself says of it is its maker's word."""
    found, rest = 0, b""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - directory_size(path) - LONGEST_TRAILER))
        while block := file.read(1 << 20):
            found += (rest + block).count(ENTRY)
            rest = block[1 - len(ENTRY) :]
    return found


def check_entry(entry: zipfile.ZipInfo) -> None:
    """Refuse names that leave the workspace and entries that are no plain files, directories or links."""
    name = entry.filename
    path = PurePosixPath(name)
    if not name or "\x00" in name or "\\" in name or len(name) > LONGEST_PATH:
        raise BadSnapshot(f"workspace: illegal file name {name[:80]!r}")
    if path.is_absolute() or ".." in path.parts:
        raise BadSnapshot(f"workspace: {name[:80]!r} leads out of the workspace")
    if entry.flag_bits & 1:
        raise BadSnapshot(f"workspace: {name[:80]!r} is encrypted")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        raise BadSnapshot(f"workspace: {name[:80]!r} is neither a file nor a directory")


async def owns_snapshot(conn: AsyncConnection, snapshot_id: str, owner: str) -> bool:
    query = select(snapshot_owners).where(
        snapshot_owners.c.snapshot_id == snapshot_id, snapshot_owners.c.owner == owner
    )
    return (await conn.execute(query)).first() is not None


class Snapshots:
    """The store of uploaded workspaces."""

    def __init__(self, db: Database, directories: Directories, threads: UserThreads | None = None) -> None:
        self.db = db
        self._threads = threads or UserThreads()
        self.directories = directories
        self._keeping = asyncio.Lock()
        """Keeps a repeated upload from being dropped between writing its file and its row."""

    def clean_up(self) -> None:
        """Remove partial uploads left by a killed service."""
        for path in self.directories.uploads.iterdir():
            path.unlink(missing_ok=True)

    async def get(self, snapshot_id: str, owner: str) -> dict[str, Any] | None:
        """Facts about a snapshot that this owner has uploaded."""
        async with self.db.read() as conn:
            if not await owns_snapshot(conn, snapshot_id, owner):
                return None
            row = (await conn.execute(select(snapshots).where(snapshots.c.id == snapshot_id))).mappings().first()
        async with self._keeping, for_everybody():
            # Whoever asks is about to use it: it does not go away before they have.
            await self._used(snapshot_id, owner)
        if row is None or not self.directories.snapshot(snapshot_id).exists():
            return None
        return {"id": row["id"], "size": row["size"], "files": row["files"], "created": False}

    async def receive(self, chunks: AsyncIterator[bytes], owner: str, limit_bytes: int) -> dict[str, Any]:
        """Store an upload. Raises BadSnapshot, SnapshotTooLarge, OSError."""
        self.directories.uploads.mkdir(mode=0o700, parents=True, exist_ok=True)
        upload = self.directories.uploads / secrets.token_hex(16)
        try:
            digest, size = await self._write(upload, chunks, limit_bytes, owner)
            snapshot_id = f"sha256:{digest}"
            target = self.directories.snapshot(snapshot_id)
            files = await self._threads.run_on(owner, check_zip, upload)
            async with self._keeping, for_everybody():
                # To others it is no news that somebody has uploaded the same bytes.
                async with self.db.read() as conn:
                    created = not target.exists() or not await owns_snapshot(conn, snapshot_id, owner)
                if not target.exists():
                    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    upload.replace(target)
                await self._remember(snapshot_id, size, files, owner)
        finally:
            upload.unlink(missing_ok=True)
        return {"id": snapshot_id, "size": size, "files": files, "created": created}

    async def _write(self, path: Path, chunks: AsyncIterator[bytes], limit_bytes: int, owner: str) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > limit_bytes:
                    raise SnapshotTooLarge(f"workspace: larger than {limit_bytes >> 20} MiB")
                digest.update(chunk)
                await self._threads.run_on(owner, file.write, chunk)
        return digest.hexdigest(), size

    async def _remember(self, snapshot_id: str, size: int, files: int, owner: str) -> None:
        time = now()
        known = {"id": snapshot_id, "size": size, "files": files, "created_at": time}
        owned = {"snapshot_id": snapshot_id, "owner": owner, "used_at": time}
        async with self.db.write() as conn:
            await upsert(conn, snapshots, known)
            await upsert(conn, snapshot_owners, owned, "used_at")

    async def _used(self, snapshot_id: str, owner: str) -> None:
        mine = (snapshot_owners.c.snapshot_id == snapshot_id) & (snapshot_owners.c.owner == owner)
        async with self.db.write() as conn:
            await conn.execute(update(snapshot_owners).where(mine).values(used_at=now()))

    async def drop_unused(self, before: float) -> int:
        """Remove uploads that have not been used since and that no job needs for another attempt. Returns how
        many."""
        began = now()
        async with self.db.read() as conn:
            old = snapshot_owners.c.used_at < before
            candidates = {row.snapshot_id for row in await conn.execute(select(snapshot_owners).where(old))}
            if candidates:
                candidates -= await _needed(conn, 0.0)
        if not candidates:
            return 0
        async with self._keeping:
            async with self.db.write() as conn:
                candidates -= await _needed(conn, began - 1)
                some = snapshot_owners.c.snapshot_id.in_(candidates)
                await conn.execute(delete(snapshot_owners).where(some, old))
                still = set((await conn.execute(select(snapshot_owners.c.snapshot_id).where(some))).scalars())
                gone = candidates - still
                await conn.execute(delete(snapshots).where(snapshots.c.id.in_(gone)))
            for snapshot_id in gone:
                self.directories.snapshot(snapshot_id).unlink(missing_ok=True)
        return len(gone)


async def _needed(conn: AsyncConnection, since: float) -> set[str]:
    """Snapshots used by jobs created since then."""
    found = jobs.c.spec["workspace"]["id"].as_string()
    rows = await conn.execute(select(found).distinct().where(jobs.c.created_at >= since))
    return {row[0] for row in rows if row[0] is not None}
