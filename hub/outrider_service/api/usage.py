"""/usage: hours and costs; /usage/runs: the ledger's entries."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from ..accounting.ledger import Scope
from ..accounting.report import Sum, report
from ..accounting.runs import list_runs
from ..auth import JOBS_READ, USAGE_READ_ALL, Caller
from ..clock import now
from ..db.cursors import BadCursor
from ..schema.usage import Run, RunPage, RunQuery, UsageQuery, UsageReport, UsageRow
from .errors import ApiError
from .render import instant
from .routing import Call, Route

EPOCH = date(1970, 1, 1)


def visible(caller: Caller, everybody: bool) -> dict[str, Any]:
    """Whose usage the caller sees: their own and their groups', or everybody's if they ask for it and may."""
    if everybody:
        if not caller.may(USAGE_READ_ALL):
            raise ApiError(403, f"Your token lacks the scope {USAGE_READ_ALL}.")
        return {}
    return {"seen_by": caller.name, "groups": caller.groups_with(JOBS_READ)}


def _row(by: Sequence[str], keys: tuple[str, ...], found: Sum) -> UsageRow:
    return UsageRow(
        keys=dict(zip(by, keys, strict=True)),
        hours=round(found.seconds / 3600, 6),
        gpu_hours=round(found.gpu_seconds / 3600, 6),
        cost=round(found.cost, 6),
    )


async def usage(call: Call) -> UsageReport | None:
    asked: UsageQuery = call.query
    time = now()
    today = datetime.fromtimestamp(time, UTC).date()
    until = asked.until or today
    since = asked.since or min(until, today).replace(day=1)
    if since > until:
        raise ApiError(422, "since: is after until", "since")
    scope = Scope(
        **visible(call.caller, asked.all),
        owner=asked.user,
        group=asked.group,
        project=asked.project,
        machine=asked.machine,
        kind=asked.kind,
    )
    by = tuple(asked.by)
    async with call.service.db.read() as conn:
        found = await report(conn, scope, by, (since - EPOCH).days, (until - EPOCH).days, time)
    total = Sum()
    for _, part in found:
        total.add(part.seconds, part.gpu_seconds, part.cost)
    rows = [_row(asked.by, keys, part) for keys, part in found] if by else []
    answer = UsageReport(since=since, until=until, by=list(by), items=rows, total=_row([], (), total))
    if asked.format == "json":
        return answer
    call.handler.set_header("Content-Type", "text/csv; charset=utf-8")
    call.handler.set_header("Content-Disposition", f'attachment; filename="usage-{since}-{until}.csv"')
    call.handler.finish(as_csv(answer))
    return None


def as_csv(answer: UsageReport) -> str:
    """The report as CSV. Pure."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*answer.by, "hours", "gpu_hours", "cost"])
    for row in answer.items if answer.by else [answer.total]:
        writer.writerow([*(_harmless(row.keys[name]) for name in answer.by), row.hours, row.gpu_hours, row.cost])
    return text.getvalue()


def _harmless(value: str) -> str:
    """Prefix a name that a spreadsheet would take for a formula."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


async def runs(call: Call) -> RunPage:
    scope = Scope(**visible(call.caller, call.query.all))
    try:
        async with call.service.db.read() as conn:
            rows, following = await list_runs(conn, scope, call.query.cursor, call.query.limit)
    except BadCursor as error:
        raise ApiError(422, f"cursor: {error}", "cursor") from error
    return RunPage(items=[_run(row) for row in rows], next=following)


def _run(row: dict[str, Any]) -> Run:
    return Run(
        kind=row["kind"],
        name=row["id"].rpartition("@")[0].partition("/")[2],
        user=row["owner"],
        group=row["group_name"],
        project=row["project"],
        cluster=row["cluster"],
        machine=row["machine"],
        gpus=row["gpu_count"],
        price_per_hour=row["price_per_hour"],
        started_at=instant(row["started_at"]),
        finished_at=instant(row["finished_at"]),
        seconds=round(row["finished_at"] - row["started_at"], 6),
        cost=round(row["cost"], 6),
    )


ROUTES = [
    Route(
        "GET",
        "/usage",
        usage,
        JOBS_READ,
        "Hours and costs of the caller and their groups, or of everybody",
        query=UsageQuery,
        response=UsageReport,
        filtered=True,
    ),
    Route(
        "GET",
        "/usage/runs",
        runs,
        JOBS_READ,
        "Single runs with their start, end and cost",
        query=RunQuery,
        response=RunPage,
        filtered=True,
    ),
]
