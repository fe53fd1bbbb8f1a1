"""What happens when a budget is nearly or wholly used up: a warning once a month, and the end of what costs money."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select

from .. import notifications
from ..accounting.budgets import Account, BudgetGuard, Budgets
from ..accounting.ledger import month_start
from ..capacity.leases import list_leases, notebook_lease_id
from ..clock import now
from ..db import Database
from ..db.tables import notices, usage_days
from ..db.upsert import upsert
from ..hubapi import HubApi, HubUnreachable
from ..jobs import store
from ..jobs.reconcile_queue import ReconcileQueue
from ..notebooks.stops import record_stop

log = logging.getLogger(__name__)

CHECK_S: Final = 15.0


class BudgetLimits:
    """Checks every budget and acts on it. ``notify`` is called when there are notifications to deliver."""

    def __init__(
        self, db: Database, budgets: Budgets, hub: HubApi, queue: ReconcileQueue, notify: Callable[[], None]
    ) -> None:
        self._db = db
        self._hub = hub
        self._queue = queue
        self._notify = notify
        self._guard = BudgetGuard(db, budgets, self, self._warn)

    async def run(self) -> float:
        """One round; returns the seconds until the next."""
        return await self._guard.look(CHECK_S)

    async def job(self, job_id: str) -> None:
        """End a job whose budget is used up."""
        async with self._db.write() as conn:
            await store.set_desired(conn, job_id, "stop", "over_budget")
        self._queue.wake(job_id)

    async def notebook(self, user: str, server: str) -> None:
        """End a notebook whose budget is used up, and keep the reason for its owner to read."""
        async with self._db.write() as conn:
            await record_stop(conn, notebook_lease_id(user, server), "this month's budget is used up", now())
        try:
            await self._hub.stop_server(user, server)
        except HubUnreachable as error:
            # It keeps its lease, so the next round tries again; the others must not wait for it.
            log.warning("%s's notebook %r could not be stopped yet: %s", user, server, error)

    async def _warn(self, account: Account) -> None:
        """Tell everybody who spends from this budget, once a month."""
        time = now()
        month = datetime.fromtimestamp(time, UTC).strftime("budget/%Y-%m")
        kind, _, name = account.subject.partition(":")
        data = {"subject": account.subject, "budget": account.budget, "spent": round(account.spent, 4)}
        async with self._db.write() as conn:
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
        self._notify()
