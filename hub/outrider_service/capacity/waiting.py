"""Jobs that wait for a machine which costs money."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..db.tables import jobs


async def waiting_for_money(conn: AsyncConnection) -> list[tuple[str, str, str | None]]:
    """Id, owner and group of each."""
    query = select(jobs.c.id, jobs.c.owner, jobs.c.group_name).where(
        jobs.c.status == "pending", jobs.c.desired == "run", jobs.c.price_per_hour > 0
    )
    return [(row.id, row.owner, row.group_name) for row in await conn.execute(query)]
