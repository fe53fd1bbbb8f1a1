"""How much the jobs of a user or group keep: artifacts, logs, series, and the workspace as it was left.

An ended job no longer changes, so it is measured once and its size is stored; only running jobs are measured each
time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, insert, select

from ..db import Database
from ..db.tables import job_sizes, jobs, snapshot_owners, snapshots
from ..schema.jobs import ENDED
from .directories import Directories

AT_ONCE: Final = 200
"""Sizes written down in one transaction."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes kept by jobs and by uploaded workspaces."""

    jobs: int
    uploads: int


def _paid_by(subject: str) -> ColumnElement[bool]:
    kind, _, name = subject.partition(":")
    if kind == "group":
        return jobs.c.group_name == name
    return and_(jobs.c.owner == name, jobs.c.group_name.is_(None))


async def kept_by(
    db: Database, directories: Directories, subject: str, measured: Callable[[Path], Awaitable[int]]
) -> Kept:
    """Files of jobs count towards whoever pays for the job, uploads towards the uploader. ``measured`` gives a tree's
    bytes."""
    here = and_(_paid_by(subject), jobs.c.desired != "delete")
    async with db.read() as conn:
        sizes = select(func.sum(job_sizes.c.bytes)).join(jobs, jobs.c.id == job_sizes.c.job_id).where(here)
        total = int((await conn.execute(sizes)).scalar() or 0)
        beside = jobs.outerjoin(job_sizes, job_sizes.c.job_id == jobs.c.id)
        others = select(jobs.c.id, jobs.c.status).select_from(beside).where(here, job_sizes.c.job_id.is_(None))
        unmeasured = [(row.id, row.status in ENDED) for row in await conn.execute(others)]
        uploaded = (
            select(func.sum(snapshots.c.size))
            .join(snapshot_owners, snapshot_owners.c.snapshot_id == snapshots.c.id)
            .where(snapshot_owners.c.owner == subject.removeprefix("user:"))
        )
        uploads = int((await conn.execute(uploaded)).scalar() or 0) if subject.startswith("user:") else 0
    fresh: dict[str, int] = {}
    for job_id, ended in unmeasured:
        size = await measured(directories.job(job_id))
        total += size
        if ended:
            fresh[job_id] = size
            if len(fresh) >= AT_ONCE:
                await _write_down(db, fresh)
                fresh = {}
    await _write_down(db, fresh)
    return Kept(total, uploads)


async def _write_down(db: Database, sizes: dict[str, int]) -> None:
    """Store sizes, except of jobs that were deleted in the meantime."""
    if not sizes:
        return
    async with db.write() as conn:
        there = select(jobs.c.id).where(jobs.c.id.in_(sizes))
        known = select(job_sizes.c.job_id).where(job_sizes.c.job_id.in_(sizes))
        left: set[Any] = set((await conn.execute(there)).scalars()) - set((await conn.execute(known)).scalars())
        if left:
            await conn.execute(insert(job_sizes), [{"job_id": job_id, "bytes": sizes[job_id]} for job_id in left])
