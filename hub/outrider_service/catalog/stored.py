"""The catalog in the database, with a copy in memory that serves all reads.

The operator's file seeds it. Entries that nobody has changed follow the file; changes and removals by an
administrator stay. The service is the database's only writer, so the copy is always what the tables say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..clock import now
from ..db import Database
from ..db.tables import catalog
from ..db.upsert import upsert
from .configured import CatalogFile
from .listing import EVERYBODY, Listing
from .model import Entry, ImageEntry, LimitSet, MachineType

Kind = Literal["image", "machine", "limits"]
MODELS: dict[str, type[Entry]] = {"image": ImageEntry, "machine": MachineType, "limits": LimitSet}
WRITTEN = ("origin", "position", "entry", "facts", "changed_at", "changed_by")


@dataclass(frozen=True, slots=True)
class Row:
    """One entry and its metadata. ``entry`` has the fields of the kind's model except the name."""

    kind: str
    owner: str
    name: str
    origin: str
    position: int
    entry: dict[str, Any]
    facts: dict[str, Any] | None
    changed_at: float
    changed_by: str | None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind, self.owner, self.name

    @property
    def model(self) -> Any:
        named = {} if self.kind == "limits" else {"name": self.name}
        return MODELS[self.kind].model_validate({**self.entry, **named})


def entry_of(model: Entry) -> dict[str, Any]:
    """The stored form of an entry: only what differs from the defaults, so that defaults may change."""
    return model.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)


def seeded(content: CatalogFile, known: Iterable[Row], time: float) -> tuple[list[Row], list[Row]]:
    """The rows to write and to delete so that the table follows the file. Pure."""
    rows = {row.key: row for row in known if row.owner == EVERYBODY}
    wanted: list[tuple[str, str, Entry, int]] = [
        *(("image", image.name, image, n) for n, image in enumerate(content.images)),
        *(("machine", machine.name, machine, n) for n, machine in enumerate(content.machines)),
        *(("limits", key, limits, n) for n, (key, limits) in enumerate(content.limits.items())),
    ]
    write, kept = [], set()
    for kind, name, model, position in wanted:
        row = rows.get((kind, EVERYBODY, name))
        kept.add((kind, EVERYBODY, name))
        fresh = Row(kind, EVERYBODY, name, "file", position, entry_of(model), None, time, None)
        if row is None:
            write.append(fresh)
        elif row.origin == "file" and (row.entry, row.position) != (fresh.entry, position):
            write.append(replace(fresh, facts=row.facts))
    gone = [row for key, row in rows.items() if key not in kept and row.origin in ("file", "removed")]
    return write, gone


class StoredCatalog(Listing):
    """Reads from memory, writes through to the database."""

    def __init__(self, db: Database) -> None:
        super().__init__()
        self.db = db
        self._rows: dict[tuple[str, str, str], Row] = {}
        self._changing = asyncio.Lock()
        """One change at a time, so that memory and tables see changes in the same order."""

    async def load(self, content: CatalogFile) -> None:
        """Fill the tables from the file and the memory from the tables. Call once, before serving."""
        async with self._changing, self.db.write() as conn:
            known = [Row(**row) for row in (await conn.execute(select(catalog))).mappings()]
            write, gone = seeded(content, known, now())
            for row in write:
                await _write(conn, row)
            for row in gone:
                await _delete(conn, row)
        rows = {row.key: row for row in known} | {row.key: row for row in write}
        self._show({key: row for key, row in rows.items() if row not in gone})

    def _show(self, rows: dict[tuple[str, str, str], Row]) -> None:
        """Replace the copy in memory."""
        shown = sorted((r for r in rows.values() if r.origin != "removed"), key=lambda r: (r.position, r.name))
        own: dict[str, list[ImageEntry]] = {}
        for row in shown:
            if row.kind == "image" and row.owner != EVERYBODY:
                own.setdefault(row.owner, []).append(row.model)
        self._rows = rows
        super().__init__(
            [row.model for row in shown if row.kind == "machine"],
            [row.model for row in shown if row.kind == "image" and row.owner == EVERYBODY],
            {row.name: row.model for row in shown if row.kind == "limits"},
            own,
        )

    def rows(self, kind: Kind, owner: str = EVERYBODY) -> list[Row]:
        """All entries of a kind in order, disabled ones included."""
        found = [r for r in self._rows.values() if r.kind == kind and r.owner == owner and r.origin != "removed"]
        return sorted(found, key=lambda row: (row.position, row.name))

    def row(self, kind: Kind, name: str, owner: str = EVERYBODY) -> Row | None:
        found = self._rows.get((kind, owner, name))
        return None if found is None or found.origin == "removed" else found

    def pinned_images(self) -> list[Row]:
        """Shared and own images that are pinned to a digest."""
        return [row for row in self._rows.values() if row.kind == "image" and row.entry.get("digest")]

    async def save(
        self,
        kind: Kind,
        name: str,
        model: Entry,
        by: str,
        *,
        owner: str = EVERYBODY,
        position: int | None = None,
        facts: dict[str, Any] | None = None,
    ) -> Row:
        """Add or change an entry; a new one goes to the end. ``facts`` None leaves them unchanged."""
        async with self._changing:
            known = self.row(kind, name, owner)
            if position is None:
                last = max((row.position for row in self.rows(kind, owner)), default=-1)
                position = known.position if known else last + 1
            origin = "admin" if owner == EVERYBODY else "user"
            facts = facts if facts is not None else known.facts if known else None
            row = Row(kind, owner, name, origin, position, entry_of(model), facts, now(), by)
            return await self._put(row)

    async def note_facts(self, row: Row, facts: dict[str, Any]) -> None:
        """Keep what a registry said about an image. The entry still counts as unchanged and follows the file."""
        async with self._changing:
            current = self.row("image", row.name, row.owner)
            if current is not None:
                await self._put(replace(current, facts=facts))

    async def remove(self, kind: Kind, name: str, by: str, *, owner: str = EVERYBODY) -> None:
        """Remove an entry for good: it does not come back from the file on the next start."""
        async with self._changing:
            known = self.row(kind, name, owner)
            if known is None:
                return
            if known.owner == EVERYBODY:
                await self._put(replace(known, origin="removed", changed_at=now(), changed_by=by))
                return
            async with self.db.write() as conn:
                await _delete(conn, known)
            self._show({key: row for key, row in self._rows.items() if key != known.key})

    async def _put(self, row: Row) -> Row:
        async with self.db.write() as conn:
            await _write(conn, row)
        self._show(self._rows | {row.key: row})
        return row


async def _write(conn: AsyncConnection, row: Row) -> None:
    await upsert(conn, catalog, {name: getattr(row, name) for name in Row.__slots__}, *WRITTEN)


async def _delete(conn: AsyncConnection, row: Row) -> None:
    table = catalog.c
    await conn.execute(delete(catalog).where(table.kind == row.kind, table.owner == row.owner, table.name == row.name))
