"""What runners say of their attempts on the jobs' output: progress, the workspace's commit, that the command runs.

A job may have written such a record itself, so nothing here decides how it ends but for a workspace that failed.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from ..backends.base import AttemptRef
from ..clock import now
from ..db import Database
from ..schema.jobs import Reason
from ..telemetry.records import Progress, Record, Started, Workspace, WorkspaceFailed
from . import store

LONGEST_TEXT = 200
LONGEST_MESSAGE = 2000


class Reports:
    """Writes runners' reports to the job's record."""

    def __init__(self, db: Database, changed: Callable[[str], None]) -> None:
        self._db = db
        self._changed = changed

    async def __call__(self, ref: AttemptRef, time: float, record: Record) -> None:
        """Handle one report. Idempotent."""
        async with self._db.write() as conn:
            job = await store.get_job(conn, ref.job_id, lock=True)
            if job is None or job.attempt != ref.number:
                return
            match record:
                case Progress(done=done, total=total, text=text):
                    progress = {"done": done, "total": total, "text": None if text is None else text[:LONGEST_TEXT]}
                    if progress == job.progress:
                        return
                    await store.update_job(conn, ref.job_id, progress=progress)
                case Workspace(commit=commit):
                    if commit is not None and job.commit_hash is None:
                        await store.update_job(conn, ref.job_id, commit_hash=commit)
                    await self._once(conn, ref, "workspace_ready", "The workspace is ready.", time)
                case Started():
                    await self._once(conn, ref, "started", "The command is running.", time)
                case WorkspaceFailed(message=message):
                    text = message[:LONGEST_MESSAGE] or "The workspace could not be prepared."
                    await store.update_attempt(
                        conn, ref.job_id, ref.number, reason=Reason.WORKSPACE_FAILED.value, message=text
                    )
        self._changed(ref.job_id)

    async def trouble(self, ref: AttemptRef, kind: str, message: str) -> None:
        """Add an event about a problem with the job's output, once for each attempt and kind."""
        async with self._db.write() as conn:
            if await store.get_job(conn, ref.job_id, lock=True) is None:
                return
            await self._once(conn, ref, kind, message, now())
        self._changed(ref.job_id)

    async def _once(self, conn: AsyncConnection, ref: AttemptRef, kind: str, message: str, time: float) -> None:
        if not await store.has_event(conn, ref.job_id, ref.number, kind):
            await store.add_event(conn, ref.job_id, ref.number, kind, message, time)
