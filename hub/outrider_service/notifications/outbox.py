"""The outbox: a notification is written in the same transaction as its event, so that neither exists without the
other."""

from __future__ import annotations

import uuid
from typing import Any, Final

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..db.tables import deliveries, webhooks

JOB_ENDED: Final = "job.ended"
NOTEBOOK_STOPPING: Final = "notebook.stopping"
BUDGET_WARNING: Final = "budget.warning"
TEST: Final = "test"
EVENTS: Final = (JOB_ENDED, NOTEBOOK_STOPPING, BUDGET_WARNING)


async def put(conn: AsyncConnection, owner: str, event: str, data: dict[str, Any], time: float) -> int:
    """Add a message for each of the owner's webhooks that wants this event. Returns how many."""
    query = select(webhooks.c.id, webhooks.c.events).where(webhooks.c.owner == owner, webhooks.c.enabled)
    wanted = [row.id for row in await conn.execute(query) if event in row.events]
    for webhook_id in wanted:
        await put_one(conn, webhook_id, event, data, time)
    return len(wanted)


async def put_one(conn: AsyncConnection, webhook_id: str, event: str, data: dict[str, Any], time: float) -> None:
    await conn.execute(
        insert(deliveries).values(
            id=f"msg_{uuid.uuid4().hex}",
            webhook_id=webhook_id,
            event=event,
            data=data,
            created_at=time,
            attempts=0,
            due_at=time,
        )
    )
