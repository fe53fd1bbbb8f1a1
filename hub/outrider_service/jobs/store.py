"""Jobs in the database: queries and small updates, each on a connection that the caller opened.

Only the reconciler and the scheduler change a job's status; the API inserts jobs and says what is desired.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Select,
    String,
    and_,
    collate,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from ..capacity.placement import QueuedJob
from ..db.cursors import BadCursor
from ..db.tables import attempts, events, jobs, tags
from ..schema.jobs import ENDED, Status
from .model import JobRecord

UNENDED: Final = tuple(status.value for status in Status if status not in ENDED)
JOB_ID_START: Final = re.compile(r"j[0-9a-z]{0,12}")
RARE_TAG: Final = 2000
IDS_EACH_TIME: Final = 500
"""In one query: databases limit the parameters of a statement."""
VISIBLE = jobs.c.desired != "delete"


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Filters of a list. ``seen_by`` None: all jobs; otherwise the user's own and those of the groups."""

    seen_by: str | None = None
    groups: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    owner: str | None = None
    group: str | None = None
    project: str | None = None
    experiment: str | None = None
    tag: str | None = None
    q: str | None = None


@dataclass(frozen=True, slots=True)
class JobPage:
    items: list[JobRecord]
    next: str | None
    tags: dict[str, list[str]] = field(default_factory=dict)


def encode_cursor(job: JobRecord) -> str:
    return base64.urlsafe_b64encode(f"{job.created_at!r} {job.id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[float, str]:
    """Raises BadCursor."""
    try:
        time, job_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(" ")
        return float(time), job_id
    except (ValueError, binascii.Error) as error:
        raise BadCursor("not a cursor of this list") from error


async def insert_job(conn: AsyncConnection, job: JobRecord, job_tags: Iterable[str]) -> None:
    # Not asdict: it would copy the specification in depth, for a row that is only read.
    await conn.execute(insert(jobs), {name: getattr(job, name) for name in JobRecord.__slots__})
    rows = [{"job_id": job.id, "tag": tag} for tag in dict.fromkeys(job_tags)]
    if rows:
        await conn.execute(insert(tags), rows)


async def get_job(conn: AsyncConnection, job_id: str, *, lock: bool = False) -> JobRecord | None:
    """The job. ``lock`` keeps others from changing it until the transaction ends (SQLite has one writer anyway)."""
    query = select(jobs).where(jobs.c.id == job_id)
    row = (await conn.execute(query.with_for_update() if lock else query)).mappings().first()
    return JobRecord.from_row(row) if row is not None else None


async def by_idempotency_key(conn: AsyncConnection, owner: str, key: str) -> JobRecord | None:
    query = select(jobs).where(jobs.c.owner == owner, jobs.c.idempotency_key == key)
    row = (await conn.execute(query)).mappings().first()
    return JobRecord.from_row(row) if row is not None else None


async def tags_of(conn: AsyncConnection, job_ids: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {job_id: [] for job_id in job_ids}
    if job_ids:
        rows = await conn.execute(select(tags).where(tags.c.job_id.in_(job_ids)).order_by(tags.c.tag))
        for row in rows:
            found[row.job_id].append(row.tag)
    return found


async def count_by_status(conn: AsyncConnection, owner: str | None = None) -> dict[str, int]:
    query = select(jobs.c.status, func.count()).where(VISIBLE).group_by(jobs.c.status)
    if owner is not None:
        query = query.where(jobs.c.owner == owner, jobs.c.status.in_(UNENDED))
    return {row[0]: row[1] for row in await conn.execute(query)}


def _escape_like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _matches(q: str, dialect: str) -> Any:
    """Jobs whose name contains the text or whose id begins with it."""
    pattern = _escape_like(q)
    # Both without regard to the case of ASCII letters, and several times as fast as what ILIKE comes to.
    if dialect == "sqlite":
        found = jobs.c.name.like(f"%{pattern}%", escape="\\")
    else:
        wanted = func.lower(collate(literal(f"%{pattern}%", String), "C"))
        found = func.lower(collate(jobs.c.name, "C")).like(wanted, escape="\\")
    return or_(found, jobs.c.id.like(f"{pattern}%", escape="\\")) if JOB_ID_START.fullmatch(q) else found


def _conditions(wanted: JobFilter, dialect: str) -> list[Any]:
    found: list[Any] = [VISIBLE]
    for column, value in (
        (jobs.c.owner, wanted.owner),
        (jobs.c.group_name, wanted.group),
        (jobs.c.project, wanted.project),
        (jobs.c.experiment, wanted.experiment),
    ):
        if value is not None:
            found.append(column == value)
    if wanted.status:
        found.append(jobs.c.status.in_(wanted.status))
    if wanted.q:
        found.append(_matches(wanted.q, dialect))
    return found


async def _has_tag(conn: AsyncConnection, tag: str) -> Any:
    """The condition for a tag: looked up first where few jobs have it, asked of each job on the way where many do."""
    with_tag = select(tags.c.job_id).where(tags.c.tag == tag)
    some = (await conn.execute(select(func.count()).select_from(with_tag.limit(RARE_TAG).subquery()))).scalar_one()
    if some < RARE_TAG:
        if conn.dialect.name == "postgresql":
            # As an array it is always looked up by id: the planner may walk all jobs in their order to meet these few.
            return jobs.c.id == func.any(func.array(with_tag.scalar_subquery()))
        return jobs.c.id.in_(with_tag)
    return with_tag.where(tags.c.job_id == jobs.c.id).correlate(jobs).exists()


async def list_jobs(conn: AsyncConnection, wanted: JobFilter, cursor: str | None, limit: int) -> JobPage:
    """One page of jobs, newest first. Raises BadCursor."""
    conditions = _conditions(wanted, conn.dialect.name)
    if wanted.tag is not None:
        conditions.append(await _has_tag(conn, wanted.tag))
    if cursor is not None:
        time, job_id = decode_cursor(cursor)
        conditions.append(tuple_(jobs.c.created_at, jobs.c.id) < tuple_(time, job_id))

    def newest(*more: Any) -> Select[Any]:
        # Only the index's own columns: rows are looked up for the page alone.
        query = select(jobs.c.id, jobs.c.created_at).where(*conditions, *more)
        return query.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit + 1)

    if wanted.seen_by is None:
        chosen = newest().subquery()
    elif not wanted.groups:
        chosen = newest(jobs.c.owner == wanted.seen_by).subquery()
    else:
        # One ordered index walk a branch; an OR would walk everybody's jobs.
        mine = newest(jobs.c.owner == wanted.seen_by).subquery()
        shared = newest(jobs.c.group_name.in_(wanted.groups), jobs.c.owner != wanted.seen_by).subquery()
        chosen = union_all(select(mine), select(shared)).subquery()
    query = (
        select(jobs)
        .where(jobs.c.id.in_(select(chosen.c.id)))
        .order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
        .limit(limit + 1)
    )
    found = [JobRecord.from_row(row) for row in (await conn.execute(query)).mappings()]
    page = found[:limit]
    return JobPage(
        page,
        encode_cursor(page[-1]) if len(found) > limit else None,
        await tags_of(conn, [job.id for job in page]),
    )


async def queue(
    conn: AsyncConnection,
    cluster: str,
    now: float,
    blocked: Iterable[str],
    limit: int,
    behind: QueuedJob | None = None,
) -> list[QueuedJob]:
    """The first pending jobs that are due, in order, without those of ``blocked`` owners; ``behind``: the last one of
    the page before."""
    query = (
        select(
            jobs.c.id,
            jobs.c.owner,
            jobs.c.group_name,
            jobs.c.machine,
            jobs.c.priority,
            jobs.c.created_at,
            func.coalesce(jobs.c.spec["nodes"].as_integer(), 1),
        )
        .where(
            jobs.c.cluster == cluster,
            jobs.c.status == Status.PENDING.value,
            jobs.c.desired == "run",
            jobs.c.not_before <= now,
        )
        .order_by(jobs.c.priority.desc(), jobs.c.created_at, jobs.c.id)
        .limit(limit)
    )
    if behind is not None:
        later = tuple_(jobs.c.created_at, jobs.c.id) > tuple_(behind.created_at, behind.id)
        query = query.where(or_(jobs.c.priority < behind.priority, and_(jobs.c.priority == behind.priority, later)))
    owners = list(blocked)
    if owners:
        query = query.where(jobs.c.owner.not_in(owners))
    return [QueuedJob(*row) for row in await conn.execute(query)]


async def next_due(conn: AsyncConnection, cluster: str, now: float) -> float | None:
    """When the next delayed job may start."""
    query = select(func.min(jobs.c.not_before)).where(
        jobs.c.cluster == cluster, jobs.c.status == Status.PENDING.value, jobs.c.not_before > now
    )
    due: float | None = (await conn.execute(query)).scalar()
    return due


async def position(conn: AsyncConnection, job: JobRecord) -> int:
    """The position of a pending job in its queue; 1 is next."""
    ahead = or_(
        jobs.c.priority > job.priority,
        and_(
            jobs.c.priority == job.priority,
            tuple_(jobs.c.created_at, jobs.c.id) < tuple_(job.created_at, job.id),
        ),
    )
    query = select(func.count()).where(
        jobs.c.cluster == job.cluster, jobs.c.status == Status.PENDING.value, jobs.c.desired == "run", ahead
    )
    return int((await conn.execute(query)).scalar_one()) + 1


async def places(conn: AsyncConnection, cluster: str, limit: int) -> dict[str, int]:
    """The queue positions of the first ``limit`` pending jobs."""
    query = (
        select(jobs.c.id)
        .where(jobs.c.cluster == cluster, jobs.c.status == Status.PENDING.value, jobs.c.desired == "run")
        .order_by(jobs.c.priority.desc(), jobs.c.created_at, jobs.c.id)
        .limit(limit)
    )
    return {row[0]: place for place, row in enumerate(await conn.execute(query), 1)}


async def unfinished_ids(conn: AsyncConnection) -> list[str]:
    """Jobs that the reconciler has to check after a start."""
    query = select(jobs.c.id).where(or_(jobs.c.status.in_(UNENDED), jobs.c.desired == "delete"))
    return [row[0] for row in await conn.execute(query)]


async def newest_attempts(conn: AsyncConnection, job_ids: Iterable[str]) -> dict[str, int]:
    """The number of the newest attempt of those of the jobs that there are."""
    found: dict[str, int] = {}
    wanted = sorted(job_ids)
    for start in range(0, len(wanted), IDS_EACH_TIME):
        query = select(jobs.c.id, jobs.c.attempt).where(jobs.c.id.in_(wanted[start : start + IDS_EACH_TIME]))
        found |= {row.id: row.attempt for row in await conn.execute(query)}
    return found


class ActiveJob(NamedTuple):
    """The columns of an active job that a check of its platform needs."""

    id: str
    cluster: str
    attempt: int
    status: Status
    desired: str
    stop_reason: str | None
    message: str | None


async def active(conn: AsyncConnection) -> list[ActiveJob]:
    c = jobs.c
    columns = (c.id, c.cluster, c.attempt, c.status, c.desired, c.stop_reason, c.message)
    query = select(*columns).where(c.status.in_(("provisioning", "running", "stopping")))
    return [
        ActiveJob(job_id, cluster, attempt, Status(status), *rest)
        for job_id, cluster, attempt, status, *rest in await conn.execute(query)
    ]


async def set_desired(conn: AsyncConnection, job_id: str, desired: str, stop_reason: str | None) -> None:
    """Set the desired state. A delete is never taken back, and the first reason to stop is kept."""
    values: dict[str, Any] = {"desired": desired}
    if stop_reason is not None:
        values["stop_reason"] = func.coalesce(jobs.c.stop_reason, stop_reason)
    await conn.execute(update(jobs).where(jobs.c.id == job_id, jobs.c.desired != "delete").values(values))


def plain(value: Any) -> Any:
    """Text as every database takes it, also within JSON: programs and platforms may say what no column holds (NUL, half
    of a surrogate pair), and a job must be able to end whatever they said."""
    match value:
        case str():
            return value.replace("\x00", "").encode("utf-8", "replace").decode()
        case dict():
            return {plain(key): plain(inner) for key, inner in value.items()}
    return value


async def update_job(conn: AsyncConnection, job_id: str, **values: Any) -> None:
    await conn.execute(update(jobs).where(jobs.c.id == job_id).values(plain(values)))


async def delete_job(conn: AsyncConnection, job_id: str) -> None:
    await conn.execute(delete(jobs).where(jobs.c.id == job_id))


async def add_event(conn: AsyncConnection, job_id: str, attempt: int, kind: str, message: str, time: float) -> None:
    values = {"job_id": job_id, "attempt": attempt, "type": kind, "message": plain(message), "time": time}
    await conn.execute(insert(events).values(values))


async def has_event(conn: AsyncConnection, job_id: str, attempt: int, kind: str) -> bool:
    query = select(events.c.id).where(events.c.job_id == job_id, events.c.attempt == attempt, events.c.type == kind)
    return (await conn.execute(query.limit(1))).first() is not None


async def list_events(conn: AsyncConnection, job_id: str, after: int, limit: int) -> list[dict[str, Any]]:
    query = select(events).where(events.c.job_id == job_id, events.c.id > after).order_by(events.c.id)
    return [dict(row) for row in (await conn.execute(query.limit(limit))).mappings()]


async def list_attempts(conn: AsyncConnection, job_id: str) -> list[dict[str, Any]]:
    query = select(attempts).where(attempts.c.job_id == job_id).order_by(attempts.c.number)
    return [dict(row) for row in (await conn.execute(query)).mappings()]


async def get_attempt(conn: AsyncConnection, job_id: str, number: int) -> dict[str, Any] | None:
    query = select(attempts).where(attempts.c.job_id == job_id, attempts.c.number == number)
    row = (await conn.execute(query)).mappings().first()
    return dict(row) if row is not None else None


async def insert_attempt(conn: AsyncConnection, job_id: str, number: int, time: float) -> None:
    await conn.execute(
        insert(attempts).values(job_id=job_id, number=number, status=Status.PROVISIONING.value, created_at=time)
    )


async def update_attempt(conn: AsyncConnection, job_id: str, number: int, **values: Any) -> None:
    mine = (attempts.c.job_id == job_id) & (attempts.c.number == number)
    await conn.execute(update(attempts).where(mine).values(plain(values)))
