"""Recognises metric lines: pure functions from a line's bytes to a point, or None for an ordinary line.

The format is Gradient's: one JSON object a line with ``chart`` and ``y`` (and optionally ``x``, ``series``), or
with ``chart`` and ``axis``, which names the chart's horizontal axis.
"""

from __future__ import annotations

from math import isfinite
from typing import Final, NamedTuple, TypeGuard

import orjson

KEYS: Final = frozenset({"chart", "y", "x", "series", "axis"})
LONGEST_NAME: Final = 255
LONGEST_LINE: Final = 4096
"""A longer line is not looked into: a point is some 60 bytes."""
SYSTEM: Final = "system/"
"""Charts below this name are the platform's own; a user's line cannot write to them."""


class MetricLine(NamedTuple):
    """``y`` is None in a line that only declares the axis; ``x`` is None where the count is meant."""

    chart: str
    series: str
    x: float | None
    y: float | None
    axis: str | None


def is_number(value: object) -> bool:
    """A finite int or float; True and False are not numbers here."""
    kind = type(value)
    return (kind is float and isfinite(value)) or (kind is int and -(2**63) <= value < 2**63)  # type: ignore[arg-type,operator]


def _is_name(value: object) -> TypeGuard[str]:
    return type(value) is str and 0 < len(value) <= LONGEST_NAME and value.isprintable()


def parse_metric(line: bytes) -> MetricLine | None:
    """The metric in a line, or None. Never raises."""
    if len(line) > LONGEST_LINE:
        return None
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if type(found) is not dict or not found.keys() <= KEYS:
        return None
    chart = found.get("chart")
    if not _is_name(chart) or chart.startswith(SYSTEM):
        return None
    series = found.get("series", "")
    axis = found.get("axis")
    if (series != "" and not _is_name(series)) or (axis is not None and not _is_name(axis)):
        return None
    if "y" not in found:
        return None if axis is None or "x" in found else MetricLine(chart, series, None, None, axis)
    y = found["y"]
    x = found.get("x")
    if not is_number(y) or not (x is None or is_number(x)):
        return None
    return MetricLine(chart, series, x, y, axis)
