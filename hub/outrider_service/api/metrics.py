"""/jobs/{id}/metrics: chart names with last values, series, and the live stream of points."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from ..auth import JOBS_READ
from ..schema.resources import Chart, ChartList, ChartSummary, Series, SeriesSummary
from ..telemetry.journal import Checkpoint, Journal, SeriesEntry
from ..telemetry.metric_lines import SYSTEM
from ..telemetry.points import columns
from ..telemetry.series import Part, downsample, read_rows
from ..user_threads import check
from .errors import not_found
from .follow import follow, points
from .render import instant
from .routing import Call, Route
from .sse import EventStream

MOST_POINTS = 20_000


class ChartQuery(BaseModel, extra="forbid"):
    """``start`` and ``end`` select a range of the chart, by x or by time (seconds since 1970); the points are of that
    range."""

    points: Annotated[int, Field(ge=2, le=MOST_POINTS)] = 2000
    attempt: Annotated[int, Field(ge=1)] | None = None
    series: str | None = None
    by: Literal["x", "time"] = "x"
    start: Annotated[float, Field(allow_inf_nan=False)] | None = None
    end: Annotated[float, Field(allow_inf_nan=False)] | None = None


def summary(checkpoint: Checkpoint) -> list[ChartSummary]:
    """Charts in the order of their first points; charts without points come last."""
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
        await follow(call.service, call.job.id, points(call.service, call.caller.name), EventStream(call), log=True)
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


ROUTES = [
    Route(
        "GET",
        "/jobs/{job_id}/metrics",
        charts,
        JOBS_READ,
        "Charts with their last values, or a live stream",
        response=ChartList,
        events=True,
    ),
    Route(
        "GET",
        "/jobs/{job_id}/metrics/{path}",
        chart,
        JOBS_READ,
        "One chart, downsampled to a number of points in all its series together",
        query=ChartQuery,
        response=Chart,
    ),
]
