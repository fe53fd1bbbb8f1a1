"""The notification of a job's end, written with the end."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from .. import notifications
from ..schema.jobs import Reason, Status
from .model import JobRecord


async def tell_end(
    conn: AsyncConnection,
    job: JobRecord,
    status: Status,
    reason: Reason,
    message: str,
    finished: float,
    exit_code: int | None = None,
) -> None:
    """In the transaction that ends the job; nothing is told of one that is being deleted."""
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
