"""Hours and money by user, group, project, machine type or day: the days' sums, and what still runs on top."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..db.tables import usage_days
from .leases import Lease
from .ledger import NOBODY, Piece, Scope, day_text, month_start, open_leases, running_pieces

COLUMNS: Final = {
    "user": "owner",
    "group": "group_name",
    "project": "project",
    "machine": "machine",
    "kind": "kind",
    "day": "day",
}


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


async def report(
    conn: AsyncConnection, scope: Scope, by: tuple[str, ...], first: int, last: int, now: float
) -> list[tuple[tuple[str, ...], Sum]]:
    """Sums by the names in ``by`` over the days from ``first`` to ``last``; the dearest first, days in order."""
    columns = [usage_days.c[COLUMNS[name]] for name in by]
    sums = [func.sum(usage_days.c[name]) for name in ("seconds", "gpu_seconds", "cost")]
    where = [*scope.conditions(usage_days), usage_days.c.day >= first, usage_days.c.day <= last]
    if scope.kind is not None:
        where.append(usage_days.c.kind == scope.kind)
    found: dict[tuple[Any, ...], Sum] = {}
    for row in await conn.execute(select(*columns, *sums).where(*where).group_by(*columns)):
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
    """Money of this month by "user:NAME" and "group:NAME". What is billed to a group is the group's alone."""
    wanted_users, wanted_groups = set(users), set(groups)
    first = month_start(now)
    total: dict[str, float] = {}
    for column, names, kind in (("owner", wanted_users, "user"), ("group_name", wanted_groups, "group")):
        if not names:
            continue
        where = [usage_days.c.day >= first, usage_days.c[column].in_(names)]
        if kind == "user":
            where.append(usage_days.c.group_name == NOBODY)
        query = select(usage_days.c[column], func.sum(usage_days.c.cost)).where(*where)
        for name, cost in await conn.execute(query.group_by(usage_days.c[column])):
            total[f"{kind}:{name}"] = cost
    for lease, piece in running_pieces(await open_leases(conn, Scope()), now):
        subject = f"group:{lease.group_name}" if lease.group_name else f"user:{lease.owner}"
        kind, _, name = subject.partition(":")
        if piece.day >= first and name in (wanted_groups if kind == "group" else wanted_users):
            total[subject] = total.get(subject, 0.0) + piece.cost
    return total
