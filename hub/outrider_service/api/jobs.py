"""/jobs: submit, list, show, stop, clone, delete, and the timeline."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from ..accounting.ledger import payer
from ..auth import JOBS_READ, JOBS_WRITE
from ..catalog.selection import RequestRefused
from ..db.cursors import BadCursor
from ..jobs import store
from ..jobs.model import JobRecord
from ..jobs.place import queue_position
from ..jobs.submit import Accepted
from ..schema.common import Page
from ..schema.jobs import CloneRequest, Event, Job, Status, Submission
from .errors import ApiError
from .follow import follow, timeline
from .render import render_event, render_job
from .routing import Call, Route
from .sse import EventStream, last_event_id

PLACES_TOLD = 1000
"""The list shows queue positions up to this one; a single job always shows its own."""
STATUS_OF_REFUSAL = {"invalid": 422, "forbidden": 403, "conflict": 409, "full": 429}


class JobQuery(BaseModel, extra="forbid"):
    """Filters of the list; ``status`` may be given several times."""

    status: list[Status] = Field(default_factory=list)
    owner: str | None = None
    group: str | None = None
    project: str | None = None
    experiment: str | None = None
    tag: str | None = None
    q: Annotated[str, Field(max_length=200)] | None = None
    cursor: str | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 25


class EventQuery(BaseModel, extra="forbid"):
    after: Annotated[int, Field(ge=0, lt=2**63)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


async def rendered(call: Call, job: JobRecord, *, tags: list[str] | None = None, full: bool = False) -> Job:
    """``tags``: pass them if they are already known."""
    async with call.service.db.read() as conn:
        if tags is None:
            tags = (await store.tags_of(conn, [job.id]))[job.id]
        position = await queue_position(conn, call.service.backends, job)
        attempts = await store.list_attempts(conn, job.id) if full else None
    return render_job(job, tags, call.service.apps_origin, call.service.prefix, position, attempts)


async def _accepted(call: Call, accepted: Accepted) -> Job:
    try:
        call.handler.set_header("Location", f"{call.service.api_prefix}/jobs/{accepted.job.id}")
        if not accepted.created:
            call.status = 200
        return await rendered(call, accepted.job, tags=accepted.tags)
    finally:
        # Respond first, then schedule.
        if accepted.created:
            call.service.queue.schedule(accepted.job.cluster)
            call.service.signals.send("jobs")


def as_api_error(refused: RequestRefused) -> ApiError:
    return ApiError(STATUS_OF_REFUSAL[refused.kind], refused.message, refused.field)


async def submit(call: Call) -> Job:
    key = call.handler.request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= 255:
        raise ApiError(422, "Idempotency-Key: 1 to 255 characters", "Idempotency-Key")
    try:
        return await _accepted(call, await call.service.submitter.submit(call.caller, call.body, key))
    except RequestRefused as refused:
        raise as_api_error(refused) from refused


async def clone(call: Call) -> Job:
    # Whoever may read the job passes the route's check; the copy belongs to the caller.
    if not call.caller.may(JOBS_WRITE, call.caller.name):
        raise ApiError(403, f"Your token lacks the scope {JOBS_WRITE}.")
    try:
        accepted = await call.service.submitter.clone(call.caller, call.job, call.body.name, call.body.latest)
    except RequestRefused as refused:
        raise as_api_error(refused) from refused
    return await _accepted(call, accepted)


async def list_jobs(call: Call) -> Page[Job]:
    query: JobQuery = call.query
    caller = call.caller
    # Nobody is called "": a token may cover the jobs of groups alone.
    own = caller.name if caller.may(JOBS_READ, caller.name) else ""
    wanted = store.JobFilter(
        seen_by=None if caller.may(JOBS_READ) else own,
        groups=caller.groups_with(JOBS_READ),
        status=tuple(query.status),
        owner=query.owner,
        group=query.group,
        project=query.project,
        experiment=query.experiment,
        tag=query.tag,
        q=query.q,
    )
    async with call.service.db.read() as conn:
        try:
            page = await store.list_jobs(conn, wanted, query.cursor, query.limit)
        except BadCursor as error:
            raise ApiError(422, f"cursor: {error}", "cursor") from error
        places: dict[str, int] = {}
        for cluster in {job.cluster for job in page.items if job.status is Status.PENDING}:
            places |= await store.places(conn, cluster, PLACES_TOLD)
    origin, prefix = call.service.apps_origin, call.service.prefix
    items = [render_job(j, page.tags[j.id], origin, prefix, places.get(j.id)) for j in page.items]
    return Page[Job](items=items, next=page.next)


async def show(call: Call) -> Job:
    return await rendered(call, call.job, full=True)


async def stop(call: Call) -> Job:
    job = call.job
    if not job.status.ended:
        async with call.service.db.write() as conn:
            await store.set_desired(conn, job.id, "stop", "cancelled_by_user")
        call.service.queue.wake(job.id)
    async with call.service.db.read() as conn:
        current = await store.get_job(conn, job.id)
    return await rendered(call, current or job)


async def delete(call: Call) -> None:
    async with call.service.db.write() as conn:
        await store.set_desired(conn, call.job.id, "delete", "cancelled_by_user")
    call.service.storage_use.shrank(payer(call.job.owner, call.job.group_name))
    call.service.queue.wake(call.job.id)
    call.service.signals.send(f"job/{call.job.id}")
    call.service.signals.send("jobs")


async def events(call: Call) -> Page[Event] | None:
    query: EventQuery = call.query
    if call.wants_stream:
        resumed = last_event_id(call.handler)
        news = timeline(call.service, query.after if resumed is None else resumed)
        await follow(call.service, call.job.id, news, EventStream(call))
        return None
    async with call.service.db.read() as conn:
        rows = await store.list_events(conn, call.job.id, query.after, query.limit + 1)
    page = rows[: query.limit]
    return Page[Event](
        items=[render_event(row) for row in page],
        next=str(page[-1]["id"]) if len(rows) > query.limit else None,
    )


ROUTES = [
    Route("POST", "/jobs", submit, JOBS_WRITE, "Submit a job", request=Submission, response=Job, status=201),
    Route(
        "GET",
        "/jobs",
        list_jobs,
        JOBS_READ,
        "List jobs, newest first",
        query=JobQuery,
        response=Page[Job],
        filtered=True,
    ),
    Route("GET", "/jobs/{job_id}", show, JOBS_READ, "One job with its attempts", response=Job),
    Route(
        "DELETE",
        "/jobs/{job_id}",
        delete,
        JOBS_WRITE,
        "Stop and delete a job with its logs and artifacts",
        status=204,
    ),
    Route(
        "POST",
        "/jobs/{job_id}/stop",
        stop,
        JOBS_WRITE,
        "Stop a job; does nothing to one that has ended",
        response=Job,
        status=202,
    ),
    Route(
        "POST",
        "/jobs/{job_id}/clone",
        clone,
        JOBS_READ,
        "Run a copy of the job as the caller",
        request=CloneRequest,
        response=Job,
        status=201,
    ),
    Route(
        "GET",
        "/jobs/{job_id}/events",
        events,
        JOBS_READ,
        "The timeline",
        query=EventQuery,
        response=Page[Event],
        events=True,
    ),
]

__all__ = ["ROUTES", "as_api_error", "rendered"]
