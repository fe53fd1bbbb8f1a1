"""/jobs/{id}/logs: pages, search, and the live stream."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from ..auth import JOBS_READ
from ..schema.resources import LogLine, LogPage
from ..telemetry.journal import Journal, StoredLine
from .follow import follow, lines
from .render import instant
from .routing import Call, Route
from .sse import EventStream, last_event_id


class LogQuery(BaseModel, extra="forbid"):
    """``tail`` returns the last lines instead of those after ``after``."""

    after: Annotated[int, Field(ge=0, lt=2**53)] = 0
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1000
    tail: Annotated[int, Field(ge=1, le=10_000)] | None = None
    q: Annotated[str, Field(min_length=1, max_length=200)] | None = None


def as_line(line: StoredLine) -> LogLine:
    n, time, attempt, node, text = line
    return LogLine(n=n, time=instant(time), attempt=attempt, node=node, text=text.decode("utf-8", "replace"))


def start_of(journal: Journal, after: int, tail: int | None) -> int:
    return max(0, journal.checkpoint.lines - tail) if tail is not None else after


async def logs(call: Call) -> LogPage | None:
    query: LogQuery = call.query
    journal = call.service.journals.get(call.job.id)
    after = start_of(journal, query.after, query.tail)
    if call.wants_stream:
        resumed = last_event_id(call.handler)
        news = lines(call.service, call.caller.name, after if resumed is None else resumed)
        await follow(call.service, call.job.id, news, EventStream(call), log=True)
        return None
    total = journal.checkpoint.lines
    if query.q is not None:
        return await call.in_thread(_found, journal, query.q, after, query.limit, total)
    return await call.in_thread(_page, journal, after, query.tail or query.limit, total)


def _found(journal: Journal, text: str, after: int, limit: int, total: int) -> LogPage:
    found, looked = journal.search(text, after, limit)
    return LogPage(items=[as_line(line) for line in found], next=looked if looked < total else None, total=total)


def _page(journal: Journal, after: int, limit: int, total: int) -> LogPage:
    found = journal.read(after, limit)
    more = found[-1][0] if found and found[-1][0] < total else None
    return LogPage(items=[as_line(line) for line in found], next=more, total=total)


ROUTES = [
    Route(
        "GET",
        "/jobs/{job_id}/logs",
        logs,
        JOBS_READ,
        "The log: a page, a search, or a live stream",
        query=LogQuery,
        response=LogPage,
        events=True,
    ),
]
