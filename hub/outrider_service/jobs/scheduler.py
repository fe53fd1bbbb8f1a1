"""Places pending jobs on machines, on platforms where the service is the queue.

One pass is one transaction: it reads what is held and what waits, makes a plan (``capacity.placement.plan``) and
writes it. The reconciler then starts what was placed.
"""

from __future__ import annotations

import logging
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ..capacity.leases import add_lease, job_lease_id, list_held, take_turn
from ..capacity.placement import Placement, Plan, plan
from ..capacity.room import Held, Room
from ..catalog import Catalog
from ..clock import now
from ..db import Database
from ..schema.jobs import Reason, Status
from . import store
from .transitions import tell_end

log = logging.getLogger(__name__)

FIRST_LOOK: Final = 8
"""Jobs read first: usually the next one already shows that there is no room."""
LOOK_AHEAD: Final = 500
"""Jobs read at a time after that, if limits hold all of the first ones back."""


class Scheduler:
    """The queue of one platform."""

    def __init__(self, db: Database, catalog: Catalog, cluster: str, room: Room | None) -> None:
        self.db = db
        self.catalog = catalog
        self.cluster = cluster
        self.room = room
        """None: the platform itself queues, and everything is placed at once."""

    async def run(self) -> tuple[list[str], float | None]:
        """Place what fits. Returns the ids to reconcile, and when the next pass is due."""
        changed: list[str] = []
        while True:
            async with self.db.write() as conn:
                time = now()
                result = await self._pass(conn, time)
                due = await store.next_due(conn, self.cluster, time)
            changed += [p.job_id for p in result.placed] + result.impossible
            if not result.placed and not result.impossible:
                return changed, due

    async def _pass(self, conn: AsyncConnection, time: float) -> Plan:
        await take_turn(conn)
        held = await list_held(conn, self.cluster)
        blocked, behind, ahead = self._at_limit(held), None, FIRST_LOOK
        while True:
            waiting = await store.queue(conn, self.cluster, time, blocked, ahead, behind)
            result = plan(
                waiting,
                held,
                self.room,
                self.catalog.machine,
                self.catalog.limits,
                self.catalog.group_limits,
            )
            if result.placed or result.impossible or result.full or len(waiting) < ahead:
                break
            behind, ahead = waiting[-1], LOOK_AHEAD
        for placement in result.placed:
            await self._place(conn, placement, time)
        for job_id in result.impossible:
            await self._refuse(conn, job_id, time)
        return result

    def _at_limit(self, held: list[Held]) -> list[str]:
        running: dict[str, int] = {}
        for item in held:
            running[item.owner] = running.get(item.owner, 0) + item.is_job
        return [
            owner
            for owner, count in running.items()
            if (most := self.catalog.limits(owner).max_running) is not None and count >= most
        ]

    async def _place(self, conn: AsyncConnection, placement: Placement, time: float) -> None:
        job = await store.get_job(conn, placement.job_id, lock=True)
        if job is None or job.status is not Status.PENDING:
            return
        number = job.attempt + 1
        lease_id = job_lease_id(job.id, number)
        await add_lease(
            conn,
            lease_id,
            job.owner,
            job.group_name,
            placement.machine,
            job.image,
            placement.gpus,
            time,
            nodes=job.submission.nodes,
            project=job.project,
            # The price shown at submission, for all of its machines.
            price_per_hour=job.price_per_hour,
        )
        await store.insert_attempt(conn, job.id, number, time)
        await store.update_job(
            conn, job.id, status=Status.PROVISIONING.value, attempt=number, started_at=None, exit_code=None
        )
        await store.add_event(
            conn, job.id, number, "machine_found", f"Got a machine of type {placement.machine.name}.", time
        )

    async def _refuse(self, conn: AsyncConnection, job_id: str, time: float) -> None:
        job = await store.get_job(conn, job_id, lock=True)
        if job is None or job.status is not Status.PENDING:
            return
        text = f"No machine of type {job.machine} can ever start: it is larger than the platform."
        await store.update_job(
            conn,
            job_id,
            status=Status.FAILED.value,
            reason=Reason.UNSCHEDULABLE.value,
            message=text,
            finished_at=time,
        )
        await store.add_event(conn, job_id, job.attempt, "failed", text, time)
        await tell_end(conn, job, Status.FAILED, Reason.UNSCHEDULABLE, text, time)
