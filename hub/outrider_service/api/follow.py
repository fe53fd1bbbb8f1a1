"""Following a job: one loop for event streams and WebSockets, and what can be followed.

Each reader gets changes at its own pace. Nothing is queued for it: after each change the new part is read from the
store and sent, and the next read waits until the client has taken it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from ..jobs import store
from ..jobs.changes import JobChanges
from ..jobs.model import JobRecord
from ..jobs.place import queue_position
from ..telemetry.points import fresh_points
from .render import render_event, render_job

if TYPE_CHECKING:
    from ..service import Service

KEEP_ALIVE_S: Final = 15.0
EVENTS_EACH_TIME: Final = 500
REDRAW_S: Final = 0.1
"""A chart redraws at most this often; points that come meanwhile are sent together."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message about a job. ``data`` is JSON; a client that was disconnected resumes after ``last``."""

    event: str
    data: bytes
    last: int | None = None


class Reader(Protocol):
    """Whoever follows: an event stream, or one subscription of a WebSocket."""

    async def send(self, message: Message) -> None:
        """Returns once the client has taken it. Raises when the connection is closed."""

    async def keep_alive(self) -> None:
        """Nothing has changed for KEEP_ALIVE_S."""

    async def may_see(self, job: JobRecord) -> bool:
        """Whether the reader may still see the job. May raise instead, which cuts the connection."""


News = Callable[[JobRecord], AsyncIterator[Message]]
"""What is new about a job since the last call."""


async def follow(service: Service, job_id: str, news: News, reader: Reader, *, log: bool = False) -> None:
    """Send the news after each change of the job (``log``: also of its log) until it has ended, then the end."""
    changes = JobChanges(service.reads, job_id, log=log)
    while True:
        job = await changes.look()
        if job is None or not await _sent(job, news, reader):
            await reader.send(_end(None))
            return
        # A job's status moves to an end only after its last line is in the journal.
        if job.status.ended:
            await reader.send(_end(job))
            return
        if not await changes.wait(KEEP_ALIVE_S):
            await reader.keep_alive()


async def _sent(job: JobRecord, news: News, reader: Reader) -> bool:
    """Send what is new; False: the reader may no longer see the job."""
    if not await reader.may_see(job):
        return False
    async for message in news(job):
        if not await reader.may_see(job):
            return False
        await reader.send(message)
    return True


def _end(job: JobRecord | None) -> Message:
    """The last message about every job; None: it is deleted, or no longer visible to the reader."""
    end = {
        "status": "deleted" if job is None else job.status.value,
        "reason": job.reason.value if job is not None and job.reason else None,
        "exit_code": None if job is None else job.exit_code,
    }
    return Message("end", orjson.dumps(end))


def lines(service: Service, user: str, after: int) -> News:
    """Lines of the log after a number."""

    async def news(job: JobRecord) -> AsyncIterator[Message]:
        nonlocal after
        journal = service.journals.get(job.id)
        while (piece := await service.line_cache.after(user, job.id, journal, after)) is not None:
            after, data = piece
            yield Message("lines", data, after)

    return news


def timeline(service: Service, after: int) -> News:
    """Events after a number."""

    async def news(job: JobRecord) -> AsyncIterator[Message]:
        nonlocal after
        while rows := await service.reads.events(job.id, after, EVENTS_EACH_TIME):
            for row in rows:
                after = row["id"]
                yield Message("timeline", render_event(row).model_dump_json().encode(), after)
            if len(rows) < EVENTS_EACH_TIME:
                return

    return news


def points(service: Service, user: str) -> News:
    """All points so far, downsampled, and then new ones."""
    sent: dict[str, int] = {}

    async def news(job: JobRecord) -> AsyncIterator[Message]:
        for piece in await service.threads.run_on(user, fresh_points, service.journals.get(job.id), sent):
            yield Message("points", orjson.dumps(piece))
        if not job.status.ended:
            await asyncio.sleep(REDRAW_S)

    return news


def record(service: Service) -> News:
    """The job as the API shows it, whenever that has changed."""
    last = b""

    async def news(job: JobRecord) -> AsyncIterator[Message]:
        nonlocal last

        async def render(conn: AsyncConnection) -> bytes:
            tags = (await store.tags_of(conn, [job.id]))[job.id]
            place = await queue_position(conn, service.backends, job)
            attempts = await store.list_attempts(conn, job.id)
            shown = render_job(job, tags, service.apps_origin, service.prefix, place, attempts)
            return shown.model_dump_json().encode()

        data = await service.reads.get(job.id, "rendered", render)
        if data != last:
            last = data
            yield Message("job", data)

    return news
