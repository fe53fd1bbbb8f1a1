"""Series on disk: append-only files of float64 rows (x, y, time, line), downsampled when read.

A series of a million points is 32 MB; it is mapped, not loaded, and only the chosen rows leave the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tsdownsample import MinMaxLTTBDownsampler

COLUMNS: Final = 4
ROW_BYTES: Final = COLUMNS * 8

Rows = NDArray[np.float64]
"""Shape (n, 4): x, y, seconds since 1970, number of the log line (0: none)."""


def read_rows(path: Path, count: int, start: int = 0) -> Rows:
    """Rows ``start`` to ``count`` of a series file, mapped. An empty range gives shape (0, 4)."""
    if count <= start:
        return np.empty((0, COLUMNS))
    return np.memmap(path, dtype="<f8", mode="r", offset=start * ROW_BYTES, shape=(count - start, COLUMNS))


@dataclass(frozen=True, slots=True)
class Part:
    """The rows whose ``column`` lies between two values, and the neighbour on each side, so that lines go on to the
    edges of a picture."""

    column: int
    start: float | None = None
    end: float | None = None

    def of(self, rows: Rows) -> Rows:
        if (self.start is None and self.end is None) or len(rows) == 0:
            return rows
        values = rows[:, self.column]
        inside = np.ones(len(rows), dtype=bool)
        if self.start is not None:
            inside &= values >= self.start
        if self.end is not None:
            inside &= values <= self.end
        # x may go back (a resumed run), so the rows need not be contiguous.
        wide = inside.copy()
        wide[:-1] |= inside[1:]
        wide[1:] |= inside[:-1]
        return np.asarray(rows[wide])


def downsample(rows: Rows, points: int) -> Rows:
    """At most ``points`` rows that look the same when drawn (MinMax-LTTB; Van Der Donckt et al., 2023).

    Steps that go back (a run resumed from a checkpoint) are kept in the order of arrival, where the algorithm then
    takes the rows as evenly spaced.
    """
    if len(rows) <= points:
        return np.asarray(rows)
    if points < 3:
        return np.asarray(rows[np.linspace(0, len(rows) - 1, points).astype(int)])
    x = np.ascontiguousarray(rows[:, 0])
    y = np.ascontiguousarray(rows[:, 1])
    sampler = MinMaxLTTBDownsampler()
    in_order = bool(np.all(x[1:] >= x[:-1]))
    chosen = sampler.downsample(x, y, n_out=points) if in_order else sampler.downsample(y, n_out=points)
    return np.asarray(rows[np.sort(chosen)])
