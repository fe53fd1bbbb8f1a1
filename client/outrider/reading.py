"""What a job says, read page by page or followed: log lines, timeline, points. Each comes once.

Goes through ``transport`` and ``follow``; holds no more than a page.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
    if tail is not None or not follow:
        params: dict[str, Any] = {"after": after or None, "limit": PAGE, "q": search, "tail": tail}
        while True:
            page = transport.json("GET", path, params=params)
            for item in page["items"]:
                if item["n"] > last:
                    last = item["n"]
                    yield build(LogLine, item)
            if page.get("next") is None:
                if tail is not None and not page["items"]:
                    last = max(last, page.get("total") or 0)
                break
            params = {"after": page["next"], "limit": PAGE, "q": search}
    if not follow:
        return
    start = str(last) if last else None
    for message in follow_stream(transport, path, {"q": search, "after": last or None}, last_id=start):
        if message.event != "lines":
            continue
        for item in payload(message):
            if item["n"] > last:
                last = item["n"]
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
    cursor: str | None = None
    while True:
        page = transport.json("GET", path, params={"cursor": cursor})
        for item in page["items"]:
            yield build(Event, item)
        cursor = page.get("next")
        if not cursor:
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
