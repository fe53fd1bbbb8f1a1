"""/jobs/{id}/metrics: chart names with last values, series, and new points as they come."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, Field

from ..auth import JOBS_READ
from ..jobs.changes import JobChanges
from ..schema.resources import Chart, ChartList, ChartSummary, Series, SeriesSummary
from ..telemetry.journal import Checkpoint, Journal, SeriesEntry
from ..telemetry.metric_lines import SYSTEM
from ..telemetry.series import Part, Rows, downsample, read_rows
from ..user_threads import check
from .errors import not_found
from .jobs import end_of
from .render import instant
from .routing import Call, Route
from .sse import KEEP_ALIVE_S, EventStream

MOST_POINTS = 20_000
FRESH_POINTS = 2000
"""New points of one series that are sent together, and of all of them:"""
FRESH_IN_ALL = 100_000


class ChartQuery(BaseModel, extra="forbid"):
    """``start`` and ``end`` take a part of the chart, by x or by time (seconds since 1970), at its own resolution."""

    points: Annotated[int, Field(ge=2, le=MOST_POINTS)] = 2000
    attempt: Annotated[int, Field(ge=1)] | None = None
    series: str | None = None
    by: Literal["x", "time"] = "x"
    start: Annotated[float, Field(allow_inf_nan=False)] | None = None
    end: Annotated[float, Field(allow_inf_nan=False)] | None = None


def summary(checkpoint: Checkpoint) -> list[ChartSummary]:
    """The charts in the order of their first points; charts that only have an axis come last."""
    charts: dict[str, list[SeriesEntry]] = {}
    for entry in checkpoint.series:
        if entry.count:
            charts.setdefault(entry.chart, []).append(entry)
    for chart in checkpoint.axes:
        charts.setdefault(chart, [])
    return [
        ChartSummary(
            chart=chart,
            axis=checkpoint.axes.get(chart),
            system=chart.startswith(SYSTEM),
            series=[
                SeriesSummary(
                    name=e.series,
                    attempt=e.attempt,
                    node=e.node,
                    count=e.count,
                    x=e.last[0],
                    y=e.last[1],
                    time=instant(e.last[2]),
                )
                for e in entries
            ],
        )
        for chart, entries in charts.items()
    ]


async def charts(call: Call) -> ChartList | None:
    if call.wants_stream:
        await _follow(call)
        return None
    return ChartList(items=summary(call.service.journals.get(call.job.id).checkpoint))


async def chart(call: Call) -> Chart:
    query: ChartQuery = call.query
    name = call.path["path"]
    journal = call.service.journals.get(call.job.id)
    state = journal.checkpoint
    entries = [
        e
        for e in state.series
        if e.chart == name
        and e.count
        and (query.attempt is None or e.attempt == query.attempt)
        and (query.series is None or e.series == query.series)
    ]
    if not entries and name not in state.axes:
        raise not_found("chart")
    per_series = max(2, query.points // max(1, len(entries)))
    part = Part(0 if query.by == "x" else 2, query.start, query.end)
    series = await call.in_thread(lambda: [_series(journal, e, per_series, part) for e in entries])
    return Chart(chart=name, axis=state.axes.get(name), system=name.startswith(SYSTEM), series=series)


def _series(journal: Journal, entry: SeriesEntry, points: int, part: Part) -> Series:
    check()
    count = entry.count
    rows = downsample(part.of(read_rows(journal.series_path(entry), count)), points)
    values: dict[str, Any] = columns(rows)
    return Series.model_construct(
        None, name=entry.series, attempt=entry.attempt, node=entry.node, total=count, **values
    )


def columns(rows: Rows) -> dict[str, list[float] | list[int]]:
    return {
        "x": rows[:, 0].tolist(),
        "y": rows[:, 1].tolist(),
        "time": rows[:, 2].tolist(),
        "line": rows[:, 3].astype(int).tolist(),
    }


def fresh_points(journal: Journal, sent: dict[str, int]) -> list[dict[str, object]]:
    """What each series has gained since ``sent`` (by file, updated here), downsampled."""
    found: list[dict[str, object]] = []
    gained = [entry for entry in journal.checkpoint.series if entry.count > sent.get(entry.file, 0)]
    limit = max(2, min(FRESH_POINTS, FRESH_IN_ALL // max(1, len(gained))))
    for entry in gained:
        check()
        start, count = sent.get(entry.file, 0), entry.count
        rows = downsample(read_rows(journal.series_path(entry), count, start), limit)
        sent[entry.file] = count
        found.append(
            {
                "chart": entry.chart,
                "axis": journal.checkpoint.axes.get(entry.chart),
                "system": entry.chart.startswith(SYSTEM),
                "series": entry.series,
                "attempt": entry.attempt,
                "node": entry.node,
                "total": count,
                **columns(rows),
            }
        )
    return found


async def _follow(call: Call) -> None:
    service, job_id = call.service, call.job.id
    stream = EventStream(call)
    changes = JobChanges(service.reads, job_id, log=True)
    sent: dict[str, int] = {}
    while True:
        job = await changes.look()
        if job is not None:
            for piece in await call.in_thread_on(fresh_points, service.journals.get(job_id), sent):
                await stream.send_raw("points", orjson.dumps(piece))
        if job is None or job.status.ended:
            await stream.send("end", end_of(job))
            return
        if not await changes.wait(KEEP_ALIVE_S):
            await stream.keep_alive()
        # A chart redraws at most this often; what comes meanwhile is sent together.
        await asyncio.sleep(0.1)


ROUTES = [
    Route(
        "GET",
        "/jobs/{job_id}/metrics",
        charts,
        JOBS_READ,
        "Charts with their last values, or followed",
        response=ChartList,
        events=True,
    ),
    Route(
        "GET",
        "/jobs/{job_id}/metrics/{path}",
        chart,
        JOBS_READ,
        "One chart, downsampled to a number of points over all its series",
        query=ChartQuery,
        response=Chart,
    ),
]
