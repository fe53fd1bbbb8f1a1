"""Rows of the result, and the table that they make."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. ``limit`` is the same work without Outrider (or the peer's figure), in the same unit."""

    what: str
    measured: float
    unit: str
    goal: float | None = None
    at_least: bool = False
    """The goal is a floor (a rate), not a ceiling (a time, a size)."""
    limit: float | None = None
    limit_is: str = ""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.measured / self.limit if self.limit else None

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.measured >= self.goal if self.at_least else self.measured <= self.goal

    def as_json(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return fields | {"ratio": self.ratio, "met": self.met}


def percentile(values: Sequence[float], percent: float) -> float:
    """0 where there is nothing."""
    return float(np.percentile(values, percent)) if len(values) else 0.0


def spread(values: Sequence[float], unit: str = "ms", factor: float = 1000.0) -> str:
    """Median, p95 and the largest, for a note."""
    middle, most, largest = percentile(values, 50), percentile(values, 95), max(values, default=0.0)
    return f"p50 {middle * factor:.1f}, p95 {most * factor:.1f}, max {largest * factor:.1f} {unit}"


def number(value: float) -> str:
    """Three digits that count, and thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def verdict(row: Row) -> str:
    return {None: "", True: "met", False: "MISSED"}[row.met]


def table(rows: Iterable[Row]) -> Table:
    """The table as Markdown, which is also what a terminal shows."""
    found = Table(box=MARKDOWN)
    for name in ("what", "goal", "measured", "limit or peer", "ratio", ""):
        found.add_column(name, justify="left" if name in ("what", "limit or peer", "") else "right")
    for row in rows:
        sign = "≥" if row.at_least else "≤"
        found.add_row(
            row.what,
            f"{sign} {number(row.goal)} {row.unit}" if row.goal is not None else "",
            f"{number(row.measured)} {row.unit}",
            f"{number(row.limit)} {row.unit}: {row.limit_is}" if row.limit is not None else "",
            f"{number(row.ratio)}" if row.ratio is not None else "",
            verdict(row),
        )
    return found


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 2**20
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": memory,
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def show(rows: Sequence[Row], console: Console) -> None:
    console.print(table(rows), markup=False)
    for row in rows:
        if row.note:
            console.print(f"- {row.what}: {row.note}", markup=False, highlight=False, soft_wrap=True)
