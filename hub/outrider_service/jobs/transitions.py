"""Writes transitions of a job's status: one transaction each, including the event.

The reconciler alone calls this; it decides what comes next, and may be killed before and after any of these.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from .. import notifications
from ..accounting.ledger import settle
from ..backends.base import Observation
from ..capacity.leases import get_lease, job_lease_id, mark_started
from ..clock import now
from ..db import Database
from ..schema.jobs import Reason, Status
from ..signals import Signals
from . import store
from .model import JobRecord
from .outcome import Again, Ended, again
from .states import Running


async def tell_end(
    conn: AsyncConnection,
    job: JobRecord,
    status: Status,
    reason: Reason,
    message: str,
    finished: float,
    exit_code: int | None = None,
) -> None:
    """Queue the notification in the transaction that ends the job, unless the job is being deleted."""
    if job.desired == "delete":
        return
    data = {
        "job": job.id,
        "name": job.name,
        "owner": job.owner,
        "project": job.project,
        "status": status.value,
        "reason": reason.value,
        "exit_code": exit_code,
        "message": message,
        "finished_at": datetime.fromtimestamp(finished, UTC).isoformat(),
    }
    await notifications.put(conn, job.owner, notifications.JOB_ENDED, data, finished)


class Transitions:
    """Writes transitions and wakes followers."""

    def __init__(self, db: Database, signals: Signals, on_end: Callable[[], None]) -> None:
        """``on_end`` is called after a job has ended: there may be notifications to send."""
        self._db = db
        self._signals = signals
        self._on_end = on_end

    async def cancel(self, job: JobRecord) -> bool:
        """Cancel a pending job. False if the scheduler has placed it in the meantime."""
        # Never cancel what the scheduler has placed meanwhile: the status is checked again in the transaction.
        time = now()
        reason = Reason(job.stop_reason or Reason.CANCELLED_BY_USER)
        if reason is Reason.OVER_BUDGET:
            text = "Cancelled: the budget is used up."
        else:
            text = "Cancelled before it started." if job.attempt == 0 else "Cancelled while it waited to run again."
        async with self._db.write() as conn:
            current = await store.get_job(conn, job.id, lock=True)
            if current is None or current.status is not Status.PENDING:
                return False
            await store.update_job(
                conn,
                job.id,
                status=Status.CANCELLED.value,
                reason=reason.value,
                message=text,
                finished_at=time,
            )
            await store.add_event(conn, job.id, job.attempt, "cancelled", text, time)
            await tell_end(conn, job, Status.CANCELLED, reason, text, time)
        self.changed(job.id)
        self._on_end()
        return True

    async def waiting(self, job: JobRecord, message: str | None) -> None:
        """Record what the start is waiting for, to show it."""
        async with self._db.write() as conn:
            await store.update_job(conn, job.id, message=message)
        self.changed(job.id)

    async def running(self, job: JobRecord, step: Running, seen: Observation) -> None:
        async with self._db.write() as conn:
            await store.update_job(conn, job.id, status=Status.RUNNING.value, started_at=step.started_at, message=None)
            await store.update_attempt(
                conn,
                job.id,
                job.attempt,
                status=Status.RUNNING.value,
                started_at=step.started_at,
                node=seen.node,
            )
            await mark_started(conn, job_lease_id(job.id, job.attempt), step.started_at)
            await store.add_event(conn, job.id, job.attempt, "machine_ready", "The machine is ready.", step.started_at)
        self.changed(job.id)

    async def stopping(self, job: JobRecord, reason: Reason) -> None:
        if job.status is Status.STOPPING:
            return
        async with self._db.write() as conn:
            await store.update_job(
                conn,
                job.id,
                status=Status.STOPPING.value,
                stop_reason=job.stop_reason or reason.value,
            )
            text = "Timeout reached." if reason is Reason.TIMED_OUT else "Stop requested."
            await store.add_event(conn, job.id, job.attempt, "stopping", text, now())
        self.changed(job.id)

    async def ended(self, job: JobRecord, end: Ended) -> None:
        """Write the end of an attempt, its cost, and whether the job is queued again, in one transaction."""
        time = now()
        follow = again(job, end, time)
        started = end.started_at or job.started_at
        async with self._db.write() as conn:
            lease = await get_lease(conn, job_lease_id(job.id, job.attempt))
            seen = lease.seen_at if lease is not None and end.reason is Reason.NODE_LOST else None
            # When a machine vanished, the end is unknown: bill until it was last seen.
            finished = end.finished_at or seen or time
            seconds = max(0.0, finished - started) if started is not None else 0.0
            if lease is not None:
                await settle(conn, lease, started, finished)
            await store.update_attempt(
                conn,
                job.id,
                job.attempt,
                status=end.status.value,
                reason=end.reason.value,
                exit_code=end.exit_code,
                message=end.message,
                started_at=started,
                finished_at=finished,
            )
            await self._write_end(conn, job, end, follow, seconds, started, finished)
        self.changed(job.id)
        self._on_end()

    async def _write_end(
        self,
        conn: Any,
        job: JobRecord,
        end: Ended,
        follow: Again | None,
        seconds: float,
        started: float | None,
        finished: float,
    ) -> None:
        values: dict[str, Any] = {"billed_s": job.billed_s + seconds, "exit_code": end.exit_code}
        if follow is None:
            values |= {
                "status": end.status.value,
                "reason": end.reason.value,
                "message": end.message,
                "started_at": started,
                "finished_at": finished,
            }
            kind, message = end.status.value, end.message
            await tell_end(conn, job, end.status, end.reason, end.message, finished, end.exit_code)
        else:
            values |= {
                "status": Status.PENDING.value,
                "message": follow.message,
                "retries_used": follow.retries_used,
                "requeues_used": follow.requeues_used,
                "not_before": follow.not_before,
                "stop_reason": None,
                "started_at": None,
                "progress": None,
            }
            kind, message = "requeued", follow.message
        await store.update_job(conn, job.id, **values)
        await store.add_event(conn, job.id, job.attempt, kind, message, finished)

    def changed(self, job_id: str) -> None:
        """Wake the job's followers and lists."""
        self._signals.send(f"job/{job_id}")
        self._signals.send("jobs")
