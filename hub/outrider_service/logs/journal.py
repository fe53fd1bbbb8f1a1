"""A job's journal on disk: its log and its series, with one checkpoint for both.

    log.text        the lines, each ended by a newline
    log.index       one row a line: offset in log.text, time, attempt, node
    series/<k>      rows of one series (``metrics.series``)
    checkpoint.json how far all of these are valid, and the platform's cursor of each attempt and node

Files are appended first, the checkpoint is replaced last: after a kill at any point, what lies beyond the
checkpoint is cut off and read from the platform again. What tells nobody a line's number, the platform's samples,
may lie beyond it for a while, so that a thousand quiet jobs do not replace a hundred files a second. One writer a job
(an asyncio lock in ``Journals``); readers see the checkpoint's state in memory only.
"""

from __future__ import annotations

import os
import shutil
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import orjson

from ..metrics.series import COLUMNS, ROW_BYTES
from .lines import Batch

INDEX: Final = np.dtype([("offset", "<u8"), ("time", "<f8"), ("attempt", "<u2"), ("node", "<u2"), ("_", "<u4")])
MOST_SERIES: Final = 2000
"""A job with more series than this is most likely naming charts by step."""
SAMPLES_UNSAVED_S: Final = 60.0
"""So old may the checkpoint on disk be while nothing but samples comes."""


@dataclass(slots=True)
class SeriesEntry:
    """One series of the checkpoint; ``file`` is its name under series/."""

    chart: str
    series: str
    attempt: int
    node: int
    file: str
    count: int = 0
    last: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(slots=True)
class Checkpoint:
    """How far the files are valid. ``cursors`` and ``started`` are keyed by "attempt/node"."""

    text_bytes: int = 0
    lines: int = 0
    cursors: dict[str, str] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    complete: list[str] = field(default_factory=list)
    axes: dict[str, str] = field(default_factory=dict)
    series: list[SeriesEntry] = field(default_factory=list)


def _load(path: Path) -> Checkpoint:
    try:
        data = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return Checkpoint()
    data["series"] = [SeriesEntry(**{**entry, "last": tuple(entry["last"])}) for entry in data["series"]]
    return Checkpoint(**data)


def _append_at(path: Path, size: int, data: bytes | memoryview) -> None:
    """Write at ``size``, cutting off what lies beyond. All or an OSError, never a part that counts."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(fd, size)
        rest = memoryview(data)
        while rest:
            written = os.pwrite(fd, rest, size)
            rest, size = rest[written:], size + written
    finally:
        os.close(fd)


Grown = tuple[int, tuple[float, float, float]]
"""A series' new count and last point."""
Line = tuple[int, float, int, int, bytes]
"""n, time, attempt, node, text."""


class Sample(NamedTuple):
    """One measurement by the platform."""

    chart: str
    series: str
    y: float
    time: float


def _sample_rows(samples: Sequence[Sample], started: float) -> dict[tuple[str, str], array[float]]:
    """Samples by series; x is seconds since the node's first sample."""
    rows: dict[tuple[str, str], array[float]] = {}
    for chart, series, y, at in samples:
        rows.setdefault((chart, series), array("d")).extend((max(0.0, at - started), y, at, 0.0))
    return rows


class Journal:
    """The files of one job. Methods are synchronous; call the slow ones in a thread."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.checkpoint = _load(directory / "checkpoint.json")
        self._by_key = {(s.chart, s.series, s.attempt, s.node): s for s in self.checkpoint.series}
        self._made = False
        self._saved_at = 0.0

    # -- writing ------------------------------------------------------------------------------------------------

    def append(self, batch: Batch, attempt: int, node: int, cursor: str, samples: Sequence[Sample] = ()) -> None:
        """Add a batch and the platform's samples, and move the cursor: all of it, or an OSError and none of it."""
        self._make()
        state, key = self.checkpoint, f"{attempt}/{node}"
        text_bytes = self._append_texts(batch, attempt, node)
        started = state.started.get(key, samples[0].time if samples else 0.0)
        updates = []
        for (chart, series), flat in batch.points.items():
            entry = self._entry(chart, series, attempt, node)
            if entry is not None:
                updates.append((entry, self._append_points(entry, flat, state.lines + 1)))
        for (chart, series), flat in _sample_rows(samples, started).items():
            entry = self._entry(chart, series, attempt, node)
            if entry is not None:
                updates.append((entry, self._append_rows(entry, flat)))
        # Everything is in the files: the state in memory follows, and goes back if the checkpoint cannot be written.
        before = replace(state, cursors=dict(state.cursors), started=dict(state.started), axes=dict(state.axes))
        counts = [(entry, entry.count, entry.last) for entry, _ in updates]
        for entry, (count, last) in updates:
            entry.count, entry.last = count, last
        if samples:
            state.started[key] = started
        state.axes.update(batch.axes)
        state.cursors[key] = cursor
        state.text_bytes = text_bytes
        state.lines += len(batch.texts)
        samples_only = bool(samples) and not (batch.texts or batch.points or batch.axes)
        if samples_only and time.monotonic() < self._saved_at + SAMPLES_UNSAVED_S:
            return
        try:
            self.save()
        except OSError:
            for entry, count, last in counts:
                entry.count, entry.last = count, last
            self.checkpoint = before
            raise

    def _make(self) -> None:
        if not self._made:
            (self.directory / "series").mkdir(mode=0o700, parents=True, exist_ok=True)
            self._made = True

    def _append_texts(self, batch: Batch, attempt: int, node: int) -> int:
        """Write the lines and their index; returns the new size of the text."""
        state = self.checkpoint
        if not batch.texts:
            return state.text_bytes
        blob = b"\n".join(batch.texts) + b"\n"
        rows = np.zeros(len(batch.texts), INDEX)
        lengths = np.fromiter((len(text) + 1 for text in batch.texts), np.uint64, len(batch.texts))
        rows["offset"][0] = state.text_bytes
        rows["offset"][1:] = state.text_bytes + np.cumsum(lengths[:-1])
        rows["time"] = batch.times
        rows["attempt"] = attempt
        rows["node"] = node
        _append_at(self.directory / "log.text", state.text_bytes, blob)
        _append_at(self.directory / "log.index", state.lines * INDEX.itemsize, rows.tobytes())
        return state.text_bytes + len(blob)

    def _entry(self, chart: str, series: str, attempt: int, node: int) -> SeriesEntry | None:
        key = (chart, series, attempt, node)
        entry = self._by_key.get(key)
        if entry is None and len(self._by_key) < MOST_SERIES:
            entry = SeriesEntry(chart, series, attempt, node, f"{len(self._by_key)}.rows")
            self._by_key[key] = entry
            self.checkpoint.series.append(entry)
        return entry

    def _append_points(self, entry: SeriesEntry, flat: array[float], first_line: int) -> Grown:
        """Rows of a batch: counts and numbers of lines are filled in."""
        rows = np.frombuffer(flat, np.float64).reshape(-1, COLUMNS).copy()
        counted = np.isnan(rows[:, 0])
        if counted.any():
            rows[counted, 0] = (entry.count + 1 + np.arange(len(rows)))[counted]
        rows[:, 3] += first_line
        return self._append_rows(entry, array("d", rows.tobytes()))

    def _append_rows(self, entry: SeriesEntry, flat: array[float]) -> Grown:
        _append_at(self.directory / "series" / entry.file, entry.count * ROW_BYTES, memoryview(flat).cast("B"))
        x, y, at, _ = flat[-COLUMNS:]
        return entry.count + len(flat) // COLUMNS, (x, y, at)

    def save(self) -> None:
        """Replace the checkpoint atomically."""
        path = self.directory / "checkpoint.json"
        fresh = path.with_suffix(".new")
        fresh.write_bytes(orjson.dumps(self.checkpoint))
        fresh.replace(path)
        self._saved_at = time.monotonic()

    def mark_complete(self, attempt: int, node: int) -> None:
        """Nothing more will come from this attempt's node."""
        key = f"{attempt}/{node}"
        if key not in self.checkpoint.complete:
            self._make()
            self.checkpoint.complete.append(key)
            try:
                self.save()
            except OSError:
                # What says it remembers: the platform's own log is removed on the strength of it.
                self.checkpoint.complete.remove(key)
                raise

    # -- reading ------------------------------------------------------------------------------------------------

    def cursor(self, attempt: int, node: int) -> str | None:
        return self.checkpoint.cursors.get(f"{attempt}/{node}")

    def read(self, after: int, limit: int) -> list[Line]:
        """Lines ``after`` + 1 … as (n, time, attempt, node, text); at most ``limit``."""
        state = self.checkpoint
        first, last = max(0, after), min(state.lines, max(0, after) + limit)
        if last <= first:
            return []
        index = self._index(first, last)
        end = int(self._index(last, last + 1)["offset"][0]) if last < state.lines else state.text_bytes
        start = int(index["offset"][0])
        with (self.directory / "log.text").open("rb") as file:
            texts = os.pread(file.fileno(), end - start, start).split(b"\n")
        return [
            (first + i + 1, float(row["time"]), int(row["attempt"]), int(row["node"]), texts[i])
            for i, row in enumerate(index)
        ]

    def _index(self, first: int, last: int) -> Any:
        with (self.directory / "log.index").open("rb") as file:
            data = os.pread(file.fileno(), (last - first) * INDEX.itemsize, first * INDEX.itemsize)
        return np.frombuffer(data, INDEX)

    def search(self, needle: str, after: int, limit: int, block: int = 8192) -> list[Line]:
        """Lines after ``after`` that contain the text, without regard to case."""
        wanted = needle.lower()
        found: list[Line] = []
        position = max(0, after)
        while position < self.checkpoint.lines and len(found) < limit:
            lines = self.read(position, block)
            found += [line for line in lines if wanted in line[4].decode("utf-8", "replace").lower()]
            position += len(lines)
        return found[:limit]

    def series_path(self, entry: SeriesEntry) -> Path:
        return self.directory / "series" / entry.file

    def remove(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)
        self.checkpoint = Checkpoint()
        self._by_key = {}
        self._made = False
