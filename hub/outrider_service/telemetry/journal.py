"""A job's journal on disk: its log and its series, with one checkpoint for both.

    log.text        the lines, each ended by a newline
    log.index       one row a line: offset in log.text, time, attempt, node
    series/<k>      rows of one series (``telemetry.series``)
    checkpoint.json how far all of these are valid, and the platform's cursor of each attempt and node

Files are appended first, the checkpoint is replaced last: after a kill at any point, what lies beyond the
checkpoint is cut off and read from the platform again. What tells nobody a line's number, the platform's samples,
may lie beyond it for a while, so that a thousand quiet jobs do not replace a hundred files a second. One writer a job
(an asyncio lock in ``Journals``); readers see the checkpoint's state in memory only.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import numpy as np
import orjson
from pydantic import Field, TypeAdapter, ValidationError

from ..user_threads import check
from .lines import LONGEST_TEXT, Batch
from .series import COLUMNS, ROW_BYTES

log = logging.getLogger(__name__)

INDEX: Final = np.dtype([("offset", "<u8"), ("time", "<f8"), ("attempt", "<u2"), ("node", "<u2"), ("_", "<u4")])
MOST_SERIES: Final = 2000
"""A job with more series than this is most likely naming charts by step. The same holds for named axes."""
MOST_READ: Final = 1 << 20
"""Bytes of text that are read at once; a line is at most ``lines.LONGEST_TEXT``."""
MOST_SEARCHED: Final = 64 << 20
"""Bytes of text that one search looks through before it says how far it came."""
MOST_SEARCHED_LINES: Final = 2_000_000
"""Lines that one search looks at: empty ones cost as well."""
LONGEST_SEARCH_S: Final = 2.0
SAMPLES_UNSAVED_S: Final = 60.0
"""So old may the checkpoint on disk be while nothing but samples comes."""
LARGEST_CHECKPOINT: Final = 32 << 20
"""Bytes; the most series with the longest names come to some 10 MiB."""

LARGEST_OFFSET: Final = 2**62

Number = Annotated[int, Field(ge=0, le=0xFFFF)]
Size = Annotated[int, Field(ge=0, le=2**53)]


@dataclass(slots=True)
class SeriesEntry:
    """One series of the checkpoint; ``file`` is its name under series/."""

    chart: str
    series: str
    attempt: Number
    node: Number
    file: Annotated[str, Field(pattern=r"^[0-9]{1,9}\.rows$")]
    count: Size = 0
    last: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(slots=True)
class Checkpoint:
    """How far the files are valid. ``cursors`` and ``started`` are keyed by "attempt/node"."""

    text_bytes: Size = 0
    lines: Size = 0
    cursors: dict[str, str] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    complete: list[str] = field(default_factory=list)
    axes: dict[str, str] = field(default_factory=dict)
    series: list[SeriesEntry] = field(default_factory=list)


_entries: Final = TypeAdapter(SeriesEntry)
_checkpoints: Final = TypeAdapter(Checkpoint)


def _load(directory: Path) -> tuple[Checkpoint, str | None]:
    """The checkpoint, as far as the files bear it out (after a power failure either may be the older one, or empty),
    and what is wrong with it, if anything is. Raises OSError where it cannot be read now."""
    try:
        with (directory / "checkpoint.json").open("rb") as file:
            data = file.read(LARGEST_CHECKPOINT + 1)
    except FileNotFoundError:
        return Checkpoint(), None
    try:
        state, damage = read_checkpoint(data)
    except ValueError as error:
        damage = str(error).partition("\n")[0][:200] or "it is empty"
        log.warning("%s is damaged (%s); reading again what the platform still has", directory, damage)
        return Checkpoint(), damage
    _fit(directory, state)
    return state, damage


def read_checkpoint(data: bytes) -> tuple[Checkpoint, str | None]:
    """A checkpoint from its file's bytes, and a sentence about series that had to be left out. Raises ValueError."""
    if len(data) > LARGEST_CHECKPOINT:
        raise ValueError("too large")
    found = orjson.loads(data)
    if not isinstance(found, dict) or not isinstance(found.get("series", []), list):
        raise ValueError("not a checkpoint")
    state = _checkpoints.validate_json(orjson.dumps({**found, "series": []}), strict=True)
    entries, files, refused = found.get("series", []), set[str](), 0
    for raw in entries:
        try:
            entry = _entries.validate_json(orjson.dumps(raw), strict=True)
        except ValidationError:
            refused += 1
            continue
        if entry.file in files:
            refused += 1
            continue
        files.add(entry.file)
        state.series.append(entry)
    return state, f"{refused} of {len(entries)} series cannot be read" if refused else None


def _fit(directory: Path, state: Checkpoint) -> None:
    """Forget what the checkpoint counts and the files do not hold."""
    index_path, text = directory / "log.index", _size(directory / "log.text")
    lines = min(state.lines, _size(index_path) // INDEX.itemsize)
    if lines < state.lines or text < state.text_bytes:
        offsets = np.fromfile(index_path, INDEX, lines)["offset"] if lines else np.empty(0, np.uint64)
        # A line ends where the next one begins; of the last row that is known only if it is the last line.
        ends = np.append(offsets[1:], np.array([state.text_bytes if lines == state.lines else 2**63], np.uint64))
        state.lines = int(np.searchsorted(ends[:lines], min(text, state.text_bytes), side="right"))
        state.text_bytes = int(ends[state.lines - 1]) if state.lines else 0
    for entry in state.series:
        entry.count = min(entry.count, _size(directory / "series" / entry.file) // ROW_BYTES)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _sync(path: Path) -> None:
    if path.exists():
        with path.open("rb") as file:
            os.fsync(file.fileno())


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
StoredLine = tuple[int, float, int, int, bytes]
"""n, time, attempt, node, text."""


def _lines(first: int, index: Any, text: bytes) -> list[StoredLine]:
    texts = text.split(b"\n")
    return [
        (first + i + 1, float(row["time"]), int(row["attempt"]), int(row["node"]), texts[i] if i < len(texts) else b"")
        for i, row in enumerate(index)
    ]


def _may_contain(text: bytes, wanted: str) -> bool:
    """Whether it is worth to look at each line. Quick: most pieces of most logs do not hold what is searched."""
    return not text.isascii() or (wanted.isascii() and wanted.encode() in text.lower())


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
        self.checkpoint, self.damage = _load(directory)
        """``damage``: what was lost of an earlier checkpoint, or None."""
        self._by_key = {(s.chart, s.series, s.attempt, s.node): s for s in self.checkpoint.series}
        self._next_file = 1 + max((int(s.file.partition(".")[0]) for s in self.checkpoint.series), default=-1)
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
        for chart, axis in batch.axes.items():
            if chart in state.axes or len(state.axes) < MOST_SERIES:
                state.axes[chart] = axis
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
            entry = SeriesEntry(chart, series, attempt, node, f"{self._next_file}.rows")
            self._next_file += 1
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
        """Nothing more will come from this attempt's node. From here on the log survives a power failure as well."""
        key = f"{attempt}/{node}"
        if key not in self.checkpoint.complete:
            self._make()
            for name in ("log.text", "log.index"):
                _sync(self.directory / name)
            self.checkpoint.complete.append(key)
            try:
                self.save()
            except OSError:
                # What says it remembers: the platform's own log is removed on the strength of it.
                self.checkpoint.complete.remove(key)
                raise
            _sync(self.directory / "checkpoint.json")

    # -- reading ------------------------------------------------------------------------------------------------

    def cursor(self, attempt: int, node: int) -> str | None:
        return self.checkpoint.cursors.get(f"{attempt}/{node}")

    def read(self, after: int, limit: int) -> list[StoredLine]:
        """Lines ``after`` + 1 … as (n, time, attempt, node, text); at most ``limit`` that begin in MOST_READ bytes."""
        first, index, text = self._block(after, limit)
        return _lines(first, index, text)

    def _block(self, after: int, limit: int) -> tuple[int, Any, bytes]:
        """The number before the first line, the rows of the index, and the text of what ``read`` gives."""
        state = self.checkpoint
        first, last = max(0, after), min(state.lines, max(0, after) + limit)
        if last <= first:
            return first, np.empty(0, INDEX), b""
        index = self._index(first, last)
        fit = max(1, int(np.searchsorted(index["offset"], index["offset"][0] + np.uint64(MOST_READ))))
        index, last = index[:fit], first + min(fit, last - first)
        end = int(self._index(last, last + 1)["offset"][0]) if last < state.lines else state.text_bytes
        start = int(index["offset"][0])
        # A disk may give back another index than was written: then texts are missing, and nothing raises.
        size = max(0, min(end - start, MOST_READ + LONGEST_TEXT + 1))
        with (self.directory / "log.text").open("rb") as file:
            return first, index, os.pread(file.fileno(), size, min(start, LARGEST_OFFSET))

    def _index(self, first: int, last: int) -> Any:
        with (self.directory / "log.index").open("rb") as file:
            data = os.pread(file.fileno(), (last - first) * INDEX.itemsize, first * INDEX.itemsize)
        return np.frombuffer(data, INDEX)

    def search(self, needle: str, after: int, limit: int, block: int = 16_384) -> tuple[list[StoredLine], int]:
        """Lines after ``after`` that contain the text, without regard to case, and the last line that was looked at:
        the search ends at a bound on bytes, lines or time, whichever comes first."""
        wanted = needle.lower()
        found: list[StoredLine] = []
        first = position = max(0, after)
        looked, until = 0, time.monotonic() + LONGEST_SEARCH_S
        while position < self.checkpoint.lines:
            check()
            if looked >= MOST_SEARCHED or position - first >= MOST_SEARCHED_LINES or time.monotonic() > until:
                break
            _, index, text = self._block(position, block)
            looked += len(text) + index.nbytes
            if _may_contain(text, wanted):
                for line in _lines(position, index, text):
                    if wanted in line[4].decode("utf-8", "replace").lower():
                        found.append(line)
                        if len(found) == limit:
                            return found, line[0]
            position += len(index)
        return found, position

    def series_path(self, entry: SeriesEntry) -> Path:
        return self.directory / "series" / entry.file

    def remove(self) -> None:
        remove(self.directory)
        self.checkpoint = Checkpoint()
        self._by_key = {}
        self._next_file = 0
        self._made = False


def remove(directory: Path) -> None:
    """Take a journal away, whatever state it is in."""
    shutil.rmtree(directory, ignore_errors=True)
