"""Delivers the outbox: each message is tried until it arrives, for at most two days."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any, Final

from sqlalchemy import delete, func, select, update

from ..clock import now
from ..db import Database
from ..db.tables import deliveries, webhooks
from ..outbound import AddressRefused, Failure, Outbound
from ..vault import Unreadable
from ..vault.sealing import Seal
from .message import build, next_try

log = logging.getLogger(__name__)

AT_ONCE: Final = 16
LOOK_S: Final = 30.0
LARGEST_ANSWER: Final = 64 * 2**10
GONE: Final = 410


class Deliverer:
    """One task. Call ``wake`` after adding to the outbox; it also polls."""

    def __init__(self, db: Database, seal: Seal, outbound: Outbound) -> None:
        self._db = db
        self._seal = seal
        self._outbound = outbound
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        while True:
            self._woken.clear()
            try:
                wait = await self._round()
            except Exception:
                log.exception("notifications were not delivered; trying again")
                wait = LOOK_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._woken.wait()

    async def _round(self) -> float:
        """Deliver what is due. Returns the seconds until the next delivery."""
        time = now()
        columns = (deliveries, webhooks.c.url, webhooks.c.sealed, webhooks.c.enabled)
        query = (
            select(*columns)
            .join(webhooks, webhooks.c.id == deliveries.c.webhook_id)
            .where(deliveries.c.due_at <= time)
            .order_by(deliveries.c.due_at)
            .limit(AT_ONCE)
        )
        async with self._db.read() as conn:
            due = [dict(row) for row in (await conn.execute(query)).mappings()]
            later = (
                await conn.execute(select(func.min(deliveries.c.due_at)).where(deliveries.c.due_at > time))
            ).scalar()
        await asyncio.gather(*(self._deliver(row) for row in due))
        if len(due) == AT_ONCE:
            return 0.0
        return LOOK_S if later is None else min(LOOK_S, max(0.0, later - now()))

    async def _deliver(self, row: dict[str, Any]) -> None:
        """Try once. If the service is killed before recording the answer, the message is sent again with the same
        id."""
        failure = None if not row["enabled"] else await self._send(row)
        attempts = row["attempts"] + 1
        again = next_try(attempts, now()) if failure is not None and row["enabled"] else None
        async with self._db.write() as conn:
            this = deliveries.c.id == row["id"]
            if again is None:
                await conn.execute(delete(deliveries).where(this))
            else:
                await conn.execute(update(deliveries).where(this).values(attempts=attempts, due_at=again))
            if row["enabled"]:
                hook = webhooks.c.id == row["webhook_id"]
                await conn.execute(update(webhooks).where(hook).values(last_at=now(), last_error=failure))

    async def _send(self, row: dict[str, Any]) -> str | None:
        """None if it arrived, else the reason."""
        try:
            key = self._seal.open(["webhook", row["webhook_id"]], row["sealed"])["key"]
            body, headers = build(key, row["id"], row["event"], row["data"], row["created_at"], now())
            answer = await self._outbound.request(
                "POST", row["url"], headers=headers, body=body, most_bytes=LARGEST_ANSWER, redirects=False
            )
        except (AddressRefused, Failure, Unreadable) as error:
            return str(error)
        if answer.status == GONE:
            async with self._db.write() as conn:
                await conn.execute(update(webhooks).where(webhooks.c.id == row["webhook_id"]).values(enabled=False))
        return None if 200 <= answer.status < 300 else f"HTTP status {answer.status}."
