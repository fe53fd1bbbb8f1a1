"""Jobs that wait for a machine, as capacity and budgets see them."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..db.tables import jobs


async def waiting_by_machine(conn: AsyncConnection) -> dict[str, int]:
    """How many jobs wait for each machine type; a type that nobody waits for is absent."""
    query = (
        select(jobs.c.machine, func.count())
        .where(jobs.c.status == "pending", jobs.c.desired != "delete")
        .group_by(jobs.c.machine)
    )
    return {row[0]: row[1] for row in await conn.execute(query)}


async def waiting_for_money(conn: AsyncConnection) -> list[tuple[str, str, str | None]]:
    """Id, owner and group of each pending job on a machine that costs money."""
    query = select(jobs.c.id, jobs.c.owner, jobs.c.group_name).where(
        jobs.c.status == "pending", jobs.c.desired == "run", jobs.c.price_per_hour > 0
    )
    return [(row.id, row.owner, row.group_name) for row in await conn.execute(query)]
