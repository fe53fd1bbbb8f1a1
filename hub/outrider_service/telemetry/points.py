"""A job's points as they are sent: by column, and only what a reader has not got yet."""

from __future__ import annotations

from typing import Final

from ..user_threads import check
from .journal import Journal
from .metric_lines import SYSTEM
from .series import Rows, downsample, read_rows

FRESH_POINTS: Final = 2000
"""New points of one series that are sent together, and of all of them:"""
FRESH_IN_ALL: Final = 100_000


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
