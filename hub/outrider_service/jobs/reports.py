"""What runners say of their attempts on the jobs' output: progress, the workspace's commit, that the command runs.

A job may have written such a record itself, so nothing here decides how it ends but for a workspace that failed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backends.base import AttemptRef
from ..db import Database
from ..schema.jobs import Reason
from . import store


class Reports:
    """Writes them to the job's record."""

    def __init__(self, db: Database, changed: Callable[[str], None]) -> None:
        self._db = db
        self._changed = changed

    async def __call__(self, ref: AttemptRef, time: float, record: dict[str, Any]) -> None:
        """What the runner reported on the job's output; hearing it twice changes nothing."""
        kind = record.get("type")
        async with self._db.write() as conn:
            job = await store.get_job(conn, ref.job_id, lock=True)
            if job is None or job.attempt != ref.number:
                return
            if kind == "progress":
                done, total, text = record.get("done"), record.get("total"), record.get("text")
                if not isinstance(done, int):
                    return
                progress = {
                    "done": done,
                    "total": total if isinstance(total, int) else None,
                    "text": _line(text, 200) if text is not None else None,
                }
                if progress == job.progress:
                    return
                await store.update_job(conn, ref.job_id, progress=progress)
            elif kind == "workspace":
                commit = record.get("commit")
                if isinstance(commit, str) and job.commit_hash is None:
                    await store.update_job(conn, ref.job_id, commit_hash=_line(commit, 64))
                await self._once(conn, ref, "workspace_ready", "The workspace is ready.", time)
            elif kind == "started":
                await self._once(conn, ref, "started", "The command runs.", time)
            elif kind == "workspace_failed":
                message = _line(record.get("message") or "The workspace could not be prepared.", 2000)
                await store.update_attempt(
                    conn, ref.job_id, ref.number, reason=Reason.WORKSPACE_FAILED.value, message=message
                )
        self._changed(ref.job_id)

    async def _once(self, conn: Any, ref: AttemptRef, kind: str, message: str, time: float) -> None:
        known = await store.list_events(conn, ref.job_id, 0, 1000)
        if not any(e["type"] == kind and e["attempt"] == ref.number for e in known):
            await store.add_event(conn, ref.job_id, ref.number, kind, message, time)


def _line(said: object, most: int) -> str:
    """What a runner said, as a database takes it: a job may have written this, whatever the runner would say."""
    return str(said).replace("\x00", "")[:most]
