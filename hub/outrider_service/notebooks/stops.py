"""Why notebooks were stopped: one row a server, kept for its owner to read until it is stopped again."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..db.tables import stops
from ..db.upsert import upsert


@dataclass(frozen=True, slots=True)
class LastStop:
    """``stopped_at`` in seconds since 1970."""

    reason: str
    stopped_at: float


async def record_stop(conn: AsyncConnection, lease_id: str, reason: str, time: float) -> None:
    """The server is being stopped for this reason."""
    await upsert(conn, stops, {"lease_id": lease_id, "reason": reason, "stopped_at": time}, "reason", "stopped_at")


async def last_stop(conn: AsyncConnection, lease_id: str) -> LastStop | None:
    """The last stop that Outrider decided; None: there was none."""
    row = (await conn.execute(select(stops).where(stops.c.lease_id == lease_id))).mappings().first()
    return None if row is None else LastStop(row["reason"], row["stopped_at"])
