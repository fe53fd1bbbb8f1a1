"""Usage and budgets over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from .common import Request, Resource, Timestamp

Dimension = Literal["user", "group", "project", "machine", "kind", "day"]


def _each_once(value: list[str]) -> list[str]:
    if len(set(value)) != len(value):
        raise ValueError("must not name anything twice")
    return value


class UsageQuery(Request):
    """Sums over the days from ``since`` to ``until`` (UTC, both included; by default this month)."""

    by: Annotated[list[Dimension], Field(max_length=6), AfterValidator(_each_once)] = Field(default_factory=list)
    since: Annotated[date, Field(strict=False)] | None = None
    until: Annotated[date, Field(strict=False)] | None = None
    all: Annotated[bool, Field(strict=False)] = Field(
        default=False, description="everybody's usage; needs the scope for that"
    )
    user: str | None = None
    group: str | None = None
    project: str | None = None
    machine: str | None = None
    kind: Literal["job", "notebook"] | None = None
    format: Literal["json", "csv"] = "json"


class UsageRow(Resource):
    keys: dict[str, str] = Field(description="the value of each name in `by`; empty: none")
    hours: float
    gpu_hours: float
    cost: float


class UsageReport(Resource):
    since: date
    until: date
    by: list[str]
    items: list[UsageRow]
    total: UsageRow


class Run(Resource):
    """One line of the ledger."""

    kind: str
    name: str = Field(description="the job's id with the attempt, or the notebook server")
    user: str
    group: str | None
    project: str | None
    cluster: str
    machine: str
    gpus: int
    price_per_hour: float
    started_at: Timestamp
    finished_at: Timestamp
    seconds: float
    cost: float


class RunPage(Resource):
    items: list[Run]
    next: str | None = None


class RunQuery(Request):
    all: Annotated[bool, Field(strict=False)] = False
    cursor: str | None = None
    limit: Annotated[int, Field(ge=1, le=1000, strict=False)] = 100


class Budget(Resource):
    """What may still be spent this month, and by whom."""

    subject: str = Field(description='"user:NAME" or "group:NAME"')
    budget: float | None = Field(description="null: no limit")
    spent: float
    left: float | None
    resets_at: Timestamp
