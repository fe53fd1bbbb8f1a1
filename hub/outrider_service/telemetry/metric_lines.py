"""Finds metrics in a line of output: pure functions from a line's bytes to points.

A metric is one complete JSON object with ``chart`` and ``y`` (and optionally ``x``, ``series``), or with ``chart`` and
``axis``, which names the chart's horizontal axis. The format is Gradient's. Several writers share a job's output, so an
object counts wherever another writer left the line: after a progress bar, after terminal sequences, after unfinished
text, or right after another object. An object inside a larger JSON document is data, not a metric.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from orjson import JSONDecodeError, loads

KEYS: Final = frozenset({"chart", "y", "x", "series", "axis"})
LONGEST_NAME: Final = 255
LONGEST_LINE: Final = 4096
"""Bytes of the longest metric. A write of up to this size (PIPE_BUF) reaches a pipe in one piece."""
_STRING: Final = rb'"(?:[^"\\]|\\.)*+"'
_PAIR: Final = rb'"(?:chart|y|x|series|axis)"\s*+:\s*+(?:' + _STRING + rb"|[-+.\w]++)"
_OBJECT: Final = re.compile(rb"\{\s*+" + _PAIR + rb"(?:\s*+,\s*+" + _PAIR + rb"){1,4}\s*+\}")
"""A flat object whose keys are all known; ``parse_metric`` decides. Possessive, so that no line takes long."""
_VALUE: Final = re.compile(rb'"\s*:\s*\Z')
"""What stands before an object that is a value of another one."""
LARGEST: Final = 1.7976931348623157e308
SYSTEM: Final = "system/"
"""Charts below this name are the platform's own; a user's line cannot write to them."""


MetricLine = tuple[str, str, float | None, float | None, str | None]
"""chart, series, x, y, axis. ``y`` is None in a line that only declares the axis, ``x`` where the count is meant."""


def _is_number(value: object) -> bool:
    """A finite int or float that a float64 holds; True and False are not numbers here."""
    kind = type(value)
    return (kind is float or kind is int) and -LARGEST <= value <= LARGEST  # type: ignore[operator]


@lru_cache(4096)
def _is_chart(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and name.isprintable() and not name.startswith(SYSTEM)


@lru_cache(4096)
def _is_label(name: str) -> bool:
    return len(name) <= LONGEST_NAME and name.isprintable()


def parse_metric(line: bytes) -> MetricLine | None:
    """The metric in a line, or None. Never raises. A plain tuple: this runs for every point of every job."""
    if len(line) > LONGEST_LINE:
        return None
    try:
        found = loads(line)
    except JSONDecodeError:
        return None
    if type(found) is not dict or not found.keys() <= KEYS:
        return None
    chart = found.get("chart")
    if type(chart) is not str or not _is_chart(chart):
        return None
    series = found.get("series", "")
    axis = found.get("axis")
    if type(series) is not str or not _is_label(series):
        return None
    if axis is not None and (type(axis) is not str or not _is_label(axis)):
        return None
    if "y" not in found:
        return None if axis is None or "x" in found else (chart, series, None, None, axis)
    y = found["y"]
    x = found.get("x")
    if not _is_number(y) or not (x is None or _is_number(x)):
        return None
    return (chart, series, x, y, axis)


def _alone(text: bytes, match: re.Match[bytes]) -> MetricLine | None:
    """The metric of a match, unless it is the value of another object."""
    before = text[max(0, match.start() - 64) : match.start()]
    return None if _VALUE.search(before) else parse_metric(match.group())


def metrics_in(text: bytes) -> list[MetricLine]:
    """The metrics in a line that is not one metric as a whole, in order."""
    try:
        loads(text)
    except JSONDecodeError:
        return [metric for match in _OBJECT.finditer(text) if (metric := _alone(text, match)) is not None]
    # A whole document: what it holds is its own.
    return []
