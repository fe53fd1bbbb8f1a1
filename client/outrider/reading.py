"""What a job says, read page by page or followed: log lines, timeline, points. Each comes once.

Goes through ``transport`` and ``follow``; holds no more than a page.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from .follow import follow as follow_stream
from .follow import payload
from .models import Event, LogLine, Points, build
from .transport import Transport

PAGE = 1000


def logs(
    transport: Transport,
    path: str,
    *,
    follow: bool,
    after: int,
    tail: int | None,
    search: str | None,
) -> Iterator[LogLine]:
    """Lines behind ``after``, or the last ``tail``; then, with ``follow``, those to come."""
    last = after
    if tail is not None:
        total = transport.json("GET", path, params={"limit": 1})["total"]
        # The last lines that match are not among the last lines: those are found by looking at all.
        start = after if search else max(after, total - tail)
        found = deque(_pages(transport, path, start, search), maxlen=tail)
        yield from found
        last = max([after, total, *(line.n for line in found)])
    elif not follow:
        yield from _pages(transport, path, after, search)
    if follow:
        yield from _followed(transport, path, last, search)


def _pages(transport: Transport, path: str, after: int, search: str | None) -> Iterator[LogLine]:
    """The lines that there are now."""
    start: int | None = after
    while start is not None:
        page = transport.json("GET", path, params={"after": start or None, "limit": PAGE, "q": search})
        for item in page["items"]:
            yield build(LogLine, item)
        start = page.get("next")


def _followed(transport: Transport, path: str, last: int, search: str | None) -> Iterator[LogLine]:
    """Lines behind ``last`` as they come. The service sends all of them; it searches pages alone."""
    wanted = search.lower() if search else ""
    for message in follow_stream(transport, path, {"after": last or None}, last_id=str(last) if last else None):
        if message.event != "lines":
            continue
        for item in payload(message):
            if item["n"] > last:
                last = item["n"]
                if wanted in item["text"].lower():
                    yield build(LogLine, item)


def events(transport: Transport, path: str, *, follow: bool, deadline: float | None = None) -> Iterator[Event]:
    """The timeline, oldest first."""
    last = 0
    if follow:
        for message in follow_stream(transport, path, deadline=deadline):
            if message.event == "timeline":
                item = payload(message)
                if item["id"] > last:
                    last = item["id"]
                    yield build(Event, item)
        return
    after: str | None = None
    while True:
        page = transport.json("GET", path, params={"after": after})
        for item in page["items"]:
            yield build(Event, item)
        after = page.get("next")
        if not after:
            return


def points(transport: Transport, path: str) -> Iterator[Points]:
    """Points as they come in. After a broken connection the service may send some again; what was seen is
    told by the line that printed a point, and by the time of a system metric."""
    seen: dict[tuple[str, str, int, int], float] = {}
    for message in follow_stream(transport, path):
        if message.event != "points":
            continue
        batch = build(Points, payload(message))
        key = (batch.chart, batch.series, batch.attempt, batch.node)
        marks = batch.time if batch.system else batch.line
        known = seen.get(key, float("-inf"))
        fresh = [index for index, mark in enumerate(marks) if mark > known]
        if not fresh:
            continue
        seen[key] = max(marks[index] for index in fresh)
        yield Points(
            batch.chart,
            batch.axis,
            batch.system,
            batch.series,
            batch.attempt,
            batch.node,
            [batch.x[index] for index in fresh],
            [batch.y[index] for index in fresh],
            [batch.time[index] for index in fresh],
            [batch.line[index] for index in fresh],
        )
