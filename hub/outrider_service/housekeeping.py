"""What the service does by itself, now and then: leases of notebooks, budgets, old uploads, pinned images."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from . import notifications
from .accounting.budgets import Account, BudgetGuard
from .accounting.ledger import month_start
from .capacity.leases import list_leases, notebook_lease_id
from .catalog.stored import Row
from .clock import now
from .db.tables import notices, stops, usage_days
from .db.upsert import upsert
from .hubapi import HubUnreachable
from .jobs import store
from .registry import BadReference
from .registry.checks import compared
from .schema.catalog import ImageFacts

if TYPE_CHECKING:
    from .service import Service

log = logging.getLogger(__name__)

LEASE_CHECK_S: Final = 60.0
BUDGET_CHECK_S: Final = 15.0
IMAGE_LOOK_S: Final = 900.0
IMAGE_AGE_S: Final = 86400.0
IMAGES_EACH_TIME: Final = 10
UPLOADS_LOOK_S: Final = 6 * 3600.0
UPLOADS_KEPT_S: Final = 7 * 86400.0
"""How long an uploaded workspace stays that no job needs any more."""

Work = Callable[[], Awaitable[float]]
"""One round of something; returns the seconds until the next."""


class Housekeeping:
    """Tasks that go on whatever happens in one of their rounds."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._tasks: list[asyncio.Task[None]] = []
        self._budgets = BudgetGuard(service.db, service.budgets, self, self._warn)

    def start(self) -> None:
        for name, work, first_s in (
            ("leases", self._leases, LEASE_CHECK_S),
            ("budgets", self._look_at_budgets, 1.0),
            ("images", self._images, IMAGE_LOOK_S),
            ("uploads", self._uploads, UPLOADS_LOOK_S),
        ):
            self._tasks.append(asyncio.create_task(self._repeat(name, work, first_s), name=name))
        self._tasks.append(asyncio.create_task(self._service.deliverer.run(), name="deliveries"))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, name: str, work: Work, wait_s: float) -> None:
        while True:
            await asyncio.sleep(wait_s)
            try:
                wait_s = await work()
            except HubUnreachable as error:
                log.warning("%s not looked at: %s", name, error)
                wait_s = LEASE_CHECK_S
            except Exception:
                log.exception("%s not looked at", name)
                wait_s = LEASE_CHECK_S

    async def _leases(self) -> float:
        await self._service.spawns.reconcile(self._service.hub)
        return LEASE_CHECK_S

    async def _uploads(self) -> float:
        if dropped := await self._service.snapshots.drop_unused(now() - UPLOADS_KEPT_S):
            log.info("%d uploaded workspaces that no job needs are removed", dropped)
        return UPLOADS_LOOK_S

    # -- budgets ----------------------------------------------------------------------------------------------------

    async def _look_at_budgets(self) -> float:
        return await self._budgets.look(BUDGET_CHECK_S)

    async def job(self, job_id: str) -> None:
        """End a job whose budget is used up."""
        async with self._service.db.write() as conn:
            await store.set_desired(conn, job_id, "stop", "over_budget")
        self._service.reconciler.wake(job_id)

    async def notebook(self, user: str, server: str) -> None:
        """End a notebook whose budget is used up, and keep the reason for its owner to read."""
        reason = "this month's budget is used up"
        values = {"lease_id": notebook_lease_id(user, server), "reason": reason, "stopped_at": now()}
        async with self._service.db.write() as conn:
            await upsert(conn, stops, values, "reason", "stopped_at")
        try:
            await self._service.hub.stop_server(user, server)
        except HubUnreachable as error:
            # It holds its lease, so the next round comes by again; the others are not kept waiting for it.
            log.warning("%s's notebook %r is not stopped yet: %s", user, server, error)

    async def _warn(self, account: Account) -> None:
        """Tell those who spend, once a month."""
        time = now()
        month = datetime.fromtimestamp(time, UTC).strftime("budget/%Y-%m")
        kind, _, name = account.subject.partition(":")
        data = {"subject": account.subject, "budget": account.budget, "spent": round(account.spent, 4)}
        async with self._service.db.write() as conn:
            told = select(notices).where(notices.c.subject == account.subject, notices.c.what == month)
            if (await conn.execute(told)).first() is not None:
                return
            await upsert(conn, notices, {"subject": account.subject, "what": month, "told_at": time})
            owners = {name} if kind == "user" else set()
            if kind == "group":
                spenders = select(usage_days.c.owner).where(
                    usage_days.c.group_name == name, usage_days.c.day >= month_start(time)
                )
                owners |= {row.owner for row in await conn.execute(spenders.distinct())}
                owners |= {lease.owner for lease in await list_leases(conn) if lease.group_name == name}
            for owner in sorted(owners):
                await notifications.put(conn, owner, notifications.BUDGET_WARNING, data, time)
        self._service.deliverer.wake()

    # -- images -----------------------------------------------------------------------------------------------------

    async def _images(self) -> float:
        """Has a pinned tag moved? Slowly, the longest unasked first: registries limit the rate."""
        catalog = self._service.catalog
        oldest = sorted(catalog.pinned_images(), key=lambda row: (row.facts or {}).get("checked_at", ""))
        for row in oldest[:IMAGES_EACH_TIME]:
            facts = ImageFacts.model_validate(row.facts) if row.facts else None
            if facts is not None and now() - facts.checked_at.timestamp() < IMAGE_AGE_S:
                break
            await self._ask_again(row, facts)
        return IMAGE_LOOK_S

    async def _ask_again(self, row: Row, before: ImageFacts | None) -> None:
        try:
            fresh = await self._service.checks.ask(row.name, row.owner)
        except BadReference:
            return
        facts = compared(fresh, before, row.model.digest)
        await self._service.catalog.note_facts(row, facts.model_dump(mode="json"))
