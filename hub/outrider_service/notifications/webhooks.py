"""Users' webhooks in the database: address, events, and the result of the last try."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update

from ..clock import now
from ..db import Database
from ..db.tables import webhooks
from ..vault.sealing import Seal
from .message import new_key
from .outbox import TEST, put_one

MOST: Final = 10


class TooManyWebhooks(Exception):
    """The user has reached the maximum number of webhooks."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A user's webhook. ``sealed`` is the signing key."""

    id: str
    owner: str
    url: str
    events: list[str]
    enabled: bool
    sealed: str
    created_at: float
    last_at: float | None
    last_error: str | None

    @property
    def place(self) -> list[str]:
        return ["webhook", self.id]


class Webhooks:
    """Queries and changes, each limited to one owner."""

    def __init__(self, db: Database, seal: Seal) -> None:
        self._db = db
        self._seal = seal

    async def all_of(self, owner: str) -> list[Webhook]:
        query = select(webhooks).where(webhooks.c.owner == owner).order_by(webhooks.c.created_at)
        async with self._db.read() as conn:
            return [Webhook(**row) for row in (await conn.execute(query)).mappings()]

    async def get(self, owner: str, webhook_id: str) -> Webhook | None:
        return next((hook for hook in await self.all_of(owner) if hook.id == webhook_id), None)

    async def add(self, owner: str, url: str, events: list[str]) -> tuple[Webhook, str]:
        """Add a webhook; returns it with its key, which is never shown again. Raises TooManyWebhooks."""
        webhook_id, key = f"wh{uuid.uuid4().hex[:12]}", new_key()
        sealed = self._seal.close(["webhook", webhook_id], {"key": key})
        hook = Webhook(webhook_id, owner, url, events, True, sealed, now(), None, None)
        async with self._db.write() as conn:
            count = select(func.count()).select_from(webhooks).where(webhooks.c.owner == owner)
            if (await conn.execute(count)).scalar_one() >= MOST:
                raise TooManyWebhooks(f"You have {MOST} webhooks. Remove one first.")
            await conn.execute(insert(webhooks).values({name: getattr(hook, name) for name in Webhook.__slots__}))
        return hook, key

    async def change(self, hook: Webhook, **values: Any) -> None:
        async with self._db.write() as conn:
            await conn.execute(update(webhooks).where(webhooks.c.id == hook.id).values(**values))

    async def remove(self, hook: Webhook) -> None:
        async with self._db.write() as conn:
            await conn.execute(delete(webhooks).where(webhooks.c.id == hook.id))

    async def test(self, hook: Webhook) -> None:
        """Send a test message."""
        async with self._db.write() as conn:
            await put_one(conn, hook.id, TEST, {"message": "Outrider's notifications arrive here."}, now())
