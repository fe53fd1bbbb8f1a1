"""Reads a job's log lines, timeline and points, page by page or followed; each exactly once.

Uses ``transport`` and ``follow``; keeps at most a page in memory.
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
    """Lines after ``after``, or the last ``tail``; then, with ``follow``, new ones."""
    last = after
    if tail is not None:
        total = transport.json("GET", path, params={"limit": 1})["total"]
        # The last matching lines may be anywhere in the log, so search all of it.
        start = after if search else max(after, total - tail)
        found = deque(_pages(transport, path, start, search), maxlen=tail)
        yield from found
        last = max([after, total, *(line.n for line in found)])
    elif not follow:
        yield from _pages(transport, path, after, search)
    if follow:
        yield from _followed(transport, path, last, search)


def _pages(transport: Transport, path: str, after: int, search: str | None) -> Iterator[LogLine]:
    """The lines so far."""
    start: int | None = after
    while start is not None:
        page = transport.json("GET", path, params={"after": start or None, "limit": PAGE, "q": search})
        for item in page["items"]:
            yield build(LogLine, item)
        start = page.get("next")


def _followed(transport: Transport, path: str, last: int, search: str | None) -> Iterator[LogLine]:
    """New lines after ``last``. The stream has no search, so filter here."""
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
    """New points as they arrive. After a broken connection the service may repeat some; duplicates are recognized by a
    point's log line, or a system metric's time."""
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
