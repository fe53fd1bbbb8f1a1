"""A job's place in the queue, whoever keeps that queue."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from ..backends.base import AttemptRef, Backend
from ..schema.jobs import Status
from . import store
from .model import JobRecord


async def queue_position(conn: AsyncConnection, backends: Mapping[str, Backend], job: JobRecord) -> int | None:
    """1 is next; None when the job does not wait. A job that the service has placed may still wait for a machine on a
    platform that is the queue itself."""
    if job.status is Status.PENDING:
        return await store.position(conn, job)
    if job.status is Status.PROVISIONING and (backend := backends.get(job.cluster)) is not None:
        return backend.position(AttemptRef(job.id, job.attempt))
    return None
