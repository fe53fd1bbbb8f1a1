"""Hours and cost by user, group, project, machine type or day: sums of days and months plus what is running."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, Table, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from ..capacity.leases import Lease
from ..db.tables import usage_days, usage_months, usage_sums
from .ledger import (
    NOBODY,
    TOTAL,
    Piece,
    Scope,
    day_text,
    month_after,
    month_of,
    month_start,
    open_leases,
    payer,
    running_pieces,
)

COLUMNS: Final = {
    "user": "owner",
    "group": "group_name",
    "project": "project",
    "machine": "machine",
    "kind": "kind",
    "day": "day",
}


AMOUNTS: Final = ("seconds", "gpu_seconds", "cost")


@dataclass(slots=True)
class Sum:
    seconds: float = 0.0
    gpu_seconds: float = 0.0
    cost: float = 0.0

    def add(self, seconds: float, gpu_seconds: float, cost: float) -> None:
        self.seconds += seconds
        self.gpu_seconds += gpu_seconds
        self.cost += cost


def _key(by: tuple[str, ...], lease: Lease, piece: Piece) -> tuple[Any, ...]:
    values = {
        "user": lease.owner,
        "group": lease.group_name or NOBODY,
        "project": lease.project or NOBODY,
        "machine": lease.machine,
        "kind": lease.kind,
        "day": piece.day,
    }
    return tuple(values[name] for name in by)


def _shown(by: tuple[str, ...], key: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(day_text(value) if name == "day" else str(value) for name, value in zip(by, key, strict=True))


def _from_sums(scope: Scope, by: tuple[str, ...], first: int, last: int) -> Select[Any]:
    """By at most one name, and by day: read from sums kept for exactly this question."""
    sums = usage_sums.c
    dimension = next((name for name in by if name != "day"), TOTAL)
    columns = [sums.day if name == "day" else sums.name for name in by]
    where = [sums.scope.in_(scope.payers), sums.dimension == dimension, sums.day >= first, sums.day <= last]
    amounts = [func.sum(sums[name]) for name in AMOUNTS]
    return select(*columns, *amounts).where(*where).group_by(*columns)


def _from_details(scope: Scope, by: tuple[str, ...], first: int, last: int) -> Select[Any]:
    """By several names, or filtered: from the sums of whole months and of the days at both ends."""
    begin, end = (first, first) if "day" in by else whole_months(first, last)
    parts = [_part(usage_days, usage_days.c.day, scope, by, *days) for days in ((first, begin), (end, last + 1))]
    if begin < end:
        parts.append(_part(usage_months, usage_months.c.month, scope, by, begin, end))
    rows = union_all(*parts).subquery()
    columns = [rows.c[COLUMNS[name]] for name in by]
    return select(*columns, *(func.sum(rows.c[name]) for name in AMOUNTS)).group_by(*columns)


def _part(table: Table, time: Any, scope: Scope, by: tuple[str, ...], begin: int, end: int) -> Select[Any]:
    """The sums of one table from ``begin`` to before ``end``."""
    columns = [table.c[COLUMNS[name]] for name in by]
    where = [*scope.conditions(table), time >= begin, time < end]
    if scope.kind is not None:
        where.append(table.c.kind == scope.kind)
    amounts = [func.sum(table.c[name]).label(name) for name in AMOUNTS]
    return select(*columns, *amounts).where(*where).group_by(*columns)


def whole_months(first: int, last: int) -> tuple[int, int]:
    """The months that lie within the days from ``first`` to ``last``: the first day of the first one, and that after
    the last one; both are ``first`` if there is none."""
    begin = first if month_of(first) == first else month_after(first)
    end = month_of(last + 1)
    return (begin, end) if begin < end else (first, first)


async def report(
    conn: AsyncConnection, scope: Scope, by: tuple[str, ...], first: int, last: int, now: float
) -> list[tuple[tuple[str, ...], Sum]]:
    """Sums by the names in ``by`` over the days from ``first`` to ``last``, the most expensive first, days in
    order."""
    names = [name for name in by if name != "day"]
    query = _from_sums if scope.plain and len(names) <= 1 else _from_details
    found: dict[tuple[Any, ...], Sum] = {}
    for row in await conn.execute(query(scope, by, first, last)):
        if row[-3] is not None:
            found[tuple(row[:-3])] = Sum(*row[-3:])
    for lease, piece in running_pieces(await open_leases(conn, scope), now):
        if first <= piece.day <= last:
            found.setdefault(_key(by, lease, piece), Sum()).add(piece.seconds, piece.gpu_seconds, piece.cost)
    if "day" in by:
        ordered = sorted(found.items(), key=lambda item: (item[0][by.index("day")], -item[1].cost))
    else:
        ordered = sorted(found.items(), key=lambda item: (-item[1].cost, -item[1].seconds, item[0]))
    return [(_shown(by, key), total) for key, total in ordered]


async def spent_by_subject(
    conn: AsyncConnection, now: float, users: Iterable[str] = (), groups: Iterable[str] = ()
) -> dict[str, float]:
    """This month's cost by "user:NAME" and "group:NAME". What is billed to a group counts only for the group."""
    wanted = {*(f"user:{name}" for name in users), *(f"group:{name}" for name in groups)}
    first = month_start(now)
    total: dict[str, float] = {}
    if wanted:
        sums = usage_sums.c
        where = [sums.scope.in_(wanted), sums.dimension == TOTAL, sums.day >= first]
        query = select(sums.scope, func.sum(sums.cost)).where(*where).group_by(sums.scope)
        total = {row[0]: row[1] for row in await conn.execute(query)}
    for lease, piece in running_pieces(await open_leases(conn, Scope()), now):
        subject = payer(lease.owner, lease.group_name)
        if piece.day >= first and subject in wanted:
            total[subject] = total.get(subject, 0.0) + piece.cost
    return total
