"""The service's records as typed values. Pure.

Unknown fields are ignored and missing ones are None, so that an older client works with a newer service and vice versa.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

R = TypeVar("R")


def parse_time(value: Any) -> datetime | None:
    """Parse an RFC 3339 time; before Python 3.11 its own parser accepts neither Z nor other than 3 or 6 decimals."""
    if not isinstance(value, str):
        return None
    text = re.sub(r"[zZ]$", "+00:00", value)
    text = re.sub(r"\.(\d+)", lambda found: "." + found[1][:6].ljust(6, "0"), text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def build(kind: type[R], data: dict[str, Any]) -> R:
    """One record from the service's JSON."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        value = data.get(field.name)
        values[field.name] = parse_time(value) if "datetime" in str(field.type) else value
    return kind(**values)


def as_json(value: Any) -> Any:
    """A record as plain JSON values again."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return value


@dataclass(frozen=True)
class LogLine:
    """One line of a job's log; ``n`` counts from 1 over all attempts and machines."""

    n: int
    time: datetime | None
    attempt: int
    node: int
    text: str


@dataclass(frozen=True)
class Event:
    """One step of a job's timeline."""

    id: int
    time: datetime | None
    attempt: int
    type: str
    message: str


@dataclass(frozen=True)
class Points:
    """New points of one series; ``line`` is 0 for system metrics."""

    chart: str
    axis: str | None
    system: bool
    series: str
    attempt: int
    node: int
    x: list[float]
    y: list[float]
    time: list[float]
    line: list[int]


@dataclass(frozen=True)
class Series:
    """One series of a chart; ``total`` counts the points before downsampling."""

    name: str
    attempt: int
    node: int
    total: int
    x: list[float]
    y: list[float]
    time: list[float]
    line: list[int]


@dataclass(frozen=True)
class Chart:
    """A chart with its series."""

    chart: str
    axis: str | None
    system: bool
    series: list[Series]

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Chart:
        chart = build(cls, data)
        return dataclasses.replace(chart, series=[build(Series, item) for item in data.get("series") or []])

    def frame(self) -> Any:
        """The points as a pandas DataFrame: series, attempt, node, x, y, time."""
        import pandas

        columns: dict[str, list[Any]] = {
            "series": [s.name for s in self.series for _ in s.x],
            "attempt": [s.attempt for s in self.series for _ in s.x],
            "node": [s.node for s in self.series for _ in s.x],
            "x": [x for s in self.series for x in s.x],
            "y": [y for s in self.series for y in s.y],
        }
        frame = pandas.DataFrame(columns)
        frame["time"] = pandas.to_datetime([t for s in self.series for t in s.time], unit="s", utc=True)
        return frame


@dataclass(frozen=True)
class SeriesSummary:
    """A series' name, length and last point."""

    name: str
    attempt: int
    node: int
    count: int
    x: float
    y: float
    time: datetime | None


@dataclass(frozen=True)
class ChartSummary:
    """A chart's name and its series' last values."""

    chart: str
    axis: str | None
    system: bool
    series: list[SeriesSummary]

    @classmethod
    def parse(cls, data: dict[str, Any]) -> ChartSummary:
        summary = build(cls, data)
        series = [build(SeriesSummary, item) for item in data.get("series") or []]
        return dataclasses.replace(summary, series=series)


@dataclass(frozen=True)
class FileEntry:
    """A file or directory of a tree; ``path`` is relative to the tree's root."""

    path: str
    type: str
    size: int
    modified: datetime | None


@dataclass(frozen=True)
class Snapshot:
    """An uploaded workspace; ``id`` is the hash of its bytes."""

    id: str
    size: int
    files: int
    created: bool


@dataclass(frozen=True)
class Machine:
    """A machine type with its price and, if known, how many are free."""

    name: str
    title: str
    description: str
    cluster: str
    cpu: float
    memory_mb: int
    gpu: int
    gpu_model: str | None
    price_per_hour: float
    preemptible: bool
    total: int | None
    free: int | None
    waiting: int


@dataclass(frozen=True)
class Notebook:
    """A notebook server; ``server`` is empty for the default one."""

    server: str
    ready: bool
    pending: str | None
    url: str
    image: str | None
    machine: str | None
    price_per_hour: float
    cost: float
    started_at: datetime | None
    last_activity: datetime | None
    stops_at: datetime | None
    stop_reason: str | None


@dataclass(frozen=True)
class Me:
    """The caller: name, limits and current usage."""

    name: str
    kind: str
    admin: bool
    groups: list[str]
    scopes: list[str]
    limits: dict[str, Any]
    usage: dict[str, Any]
    storage: str
    budgets: list[dict[str, Any]] | None = None


@dataclass(frozen=True)
class ImageFacts:
    """The result of a registry check; ``status`` is ok or the kind of failure."""

    status: str
    message: str
    reference: str
    checked_at: datetime | None
    try_again_at: datetime | None
    digest: str | None
    moved_at: datetime | None
    architectures: list[str]
    size: int | None
    ports: list[str]
    user: str | None
    cuda: str | None
    created_at: datetime | None
    labels: dict[str, str]


@dataclass(frozen=True)
class Image:
    """An image of the catalog, or with an ``owner`` the caller's own."""

    name: str
    title: str
    description: str
    for_jobs: bool
    for_notebooks: bool
    groups: list[str]
    enabled: bool
    owner: str | None
    digest: str | None
    facts: ImageFacts | None

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Image:
        found = data.get("facts")
        return dataclasses.replace(build(cls, data), facts=build(ImageFacts, found) if found else None)


@dataclass(frozen=True)
class Secret:
    """A secret without its value, which is never shown."""

    kind: str
    name: str
    account: str | None
    group: str | None
    everybody: bool
    changed_at: datetime | None
    changed_by: str


@dataclass(frozen=True)
class UsageRow:
    """A sum; ``keys`` holds the value of each requested dimension."""

    keys: dict[str, str]
    hours: float
    gpu_hours: float
    cost: float


@dataclass(frozen=True)
class UsageReport:
    """Sums over the days from ``since`` to ``until``."""

    since: str
    until: str
    by: list[str]
    items: list[UsageRow]
    total: UsageRow

    @classmethod
    def parse(cls, data: dict[str, Any]) -> UsageReport:
        items = [build(UsageRow, item) for item in data.get("items") or []]
        return dataclasses.replace(build(cls, data), items=items, total=build(UsageRow, data["total"]))


@dataclass(frozen=True)
class StorageHolding:
    """A user's or group's storage in bytes; None: not measured yet, or unlimited. ``jobs`` and ``uploads`` are the
    parts in jobs' files and in uploaded workspaces."""

    subject: str
    used: int | None
    limit: int | None
    measured_at: datetime | None
    jobs: int | None = None
    uploads: int | None = None
