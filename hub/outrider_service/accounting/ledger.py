"""The ledger records what ran, by the containers' own times, at the price of that moment. Entries are never
changed.

A lease is an open entry. Dropping it, writing its entry and adding to the day's sums happen in one transaction, so
no crash loses or doubles a second. What still runs is worked out from the leases.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Table, and_, delete, func, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from ..capacity.leases import Lease
from ..db.tables import leases, ledger, usage_days, usage_months, usage_sums

DAY_S: Final = 86400
NOBODY: Final = ""
"""Stands for no group or no project, because a primary key cannot be null."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of one run within one day (number of days since 1970, UTC)."""

    day: int
    seconds: float
    gpu_seconds: float
    cost: float


def pieces(started: float, finished: float, price_per_hour: float, gpus: int) -> Iterator[Piece]:
    """The run split at each midnight (UTC); durations and costs add up to the whole. Pure."""
    at = started
    while at < finished:
        day = int(at // DAY_S)
        until = min(finished, (day + 1) * DAY_S)
        seconds = until - at
        yield Piece(day, seconds, seconds * gpus, seconds * price_per_hour / 3600)
        at = until


def day_number(moment: datetime) -> int:
    return int(moment.timestamp() // DAY_S)


def day_text(day: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).strftime("%Y-%m-%d")


def month_start(now: float) -> int:
    """The first day of the month (UTC) as a day's number."""
    return day_number(datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0))


def month_of(day: int) -> int:
    """The first day of the day's month."""
    return month_start(day * DAY_S)


def month_after(day: int) -> int:
    """The first day of the month after the day's."""
    return month_of(month_of(day) + 31)


async def settle(conn: AsyncConnection, lease: Lease, started: float | None, finished: float) -> None:
    """End a lease and record its cost, in the caller's transaction. ``started`` None: nothing ran, so nothing is
    billed.
    """
    gone = await conn.execute(delete(leases).where(leases.c.id == lease.id, leases.c.created_at == lease.created_at))
    if gone.rowcount == 0 or started is None:
        return
    finished = max(started, finished)
    seconds = finished - started
    await conn.execute(
        insert(ledger).values(
            id=f"{lease.id}@{lease.created_at!r}",
            kind=lease.kind,
            owner=lease.owner,
            group_name=lease.group_name,
            project=lease.project,
            cluster=lease.cluster,
            machine=lease.machine,
            gpu_count=lease.gpu_count,
            price_per_hour=lease.price_per_hour,
            started_at=started,
            finished_at=finished,
            cost=seconds * lease.price_per_hour / 3600,
        )
    )
    for piece in pieces(started, finished, lease.price_per_hour, lease.gpu_count):
        await _add(conn, lease, piece)


EVERYBODY: Final = "all"
TOTAL: Final = "total"


def payer(owner: str, group: str | None) -> str:
    """The subject that pays: the group it is billed to, else the user."""
    return f"group:{group}" if group else f"user:{owner}"


async def _add(conn: AsyncConnection, lease: Lease, piece: Piece) -> None:
    """Add to the sums: one row with every detail for the day and one for the month, and the rows that answer the usual
    questions directly."""
    amounts = {"seconds": piece.seconds, "gpu_seconds": piece.gpu_seconds, "cost": piece.cost}
    names = {
        TOTAL: "",
        "user": lease.owner,
        "group": lease.group_name or NOBODY,
        "project": lease.project or NOBODY,
        "machine": lease.machine,
        "kind": lease.kind,
    }
    detail = {
        "owner": lease.owner,
        "group_name": names["group"],
        "project": names["project"],
        "machine": lease.machine,
        "kind": lease.kind,
    }
    sums = [
        {"scope": scope, "dimension": dimension, "day": piece.day, "name": name, **amounts}
        for scope in (EVERYBODY, payer(lease.owner, lease.group_name))
        for dimension, name in names.items()
    ]
    await _grow(conn, usage_days, [{"day": piece.day} | detail | amounts])
    await _grow(conn, usage_months, [{"month": month_of(piece.day)} | detail | amounts])
    await _grow(conn, usage_sums, sums)


async def _grow(conn: AsyncConnection, table: Table, rows: list[dict[str, Any]]) -> None:
    build = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    statement = build(table).values(rows)
    sums = {name: table.c[name] + statement.excluded[name] for name in ("seconds", "gpu_seconds", "cost")}
    await conn.execute(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=sums))


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose usage is reported. ``seen_by`` None: everyone's; otherwise what this user and these groups pay."""

    seen_by: str | None = None
    groups: tuple[str, ...] = ()
    owner: str | None = None
    group: str | None = None
    project: str | None = None
    machine: str | None = None
    kind: str | None = None

    @property
    def plain(self) -> bool:
        """Whether there are no other filters."""
        asked = (self.owner, self.group, self.project, self.machine, self.kind)
        return all(value is None for value in asked)

    @property
    def payers(self) -> list[str]:
        """The scopes whose sums make up this one. They are disjoint."""
        if self.seen_by is None:
            return [EVERYBODY]
        return [f"user:{self.seen_by}", *(f"group:{group}" for group in self.groups)]

    def conditions(self, table: Any) -> list[Any]:
        found = []
        if self.seen_by is not None:
            mine = and_(table.c.owner == self.seen_by, func.coalesce(table.c.group_name, NOBODY) == NOBODY)
            found.append(or_(mine, table.c.group_name.in_(self.groups)))
        for column, value in (
            ("owner", self.owner),
            ("group_name", self.group),
            ("project", self.project),
            ("machine", self.machine),
        ):
            if value is not None:
                found.append(table.c[column] == value)
        return found

    def covers(self, lease: Lease) -> bool:
        """Whether a run that has not ended is in this scope."""
        mine = lease.owner == self.seen_by and not lease.group_name
        if self.seen_by is not None and not mine and lease.group_name not in self.groups:
            return False
        asked = (
            (self.owner, lease.owner),
            (self.group, lease.group_name or NOBODY),
            (self.project, lease.project or NOBODY),
            (self.machine, lease.machine),
            (self.kind, lease.kind),
        )
        return all(wanted is None or wanted == value for wanted, value in asked)


async def open_leases(conn: AsyncConnection, scope: Scope) -> list[Lease]:
    """What is running now, and therefore not in the ledger yet."""
    rows = (await conn.execute(select(leases).where(leases.c.started_at.is_not(None)))).mappings()
    return [lease for lease in (Lease(**row) for row in rows) if scope.covers(lease)]


def running_pieces(held: Iterable[Lease], now: float) -> Iterator[tuple[Lease, Piece]]:
    """Their cost so far, by day."""
    for lease in held:
        if lease.started_at is not None:
            for piece in pieces(lease.started_at, now, lease.price_per_hour, lease.gpu_count):
                yield lease, piece
