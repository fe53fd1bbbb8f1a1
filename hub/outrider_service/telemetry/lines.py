"""From a platform's raw output to lines, points and records: pure, deterministic, one pass.

Input is whole raw lines, each "<unix time with 6 decimals> <text>" as the supervisor writes them. Because the same
bytes always give the same lines, a service that was killed in the middle takes up at its checkpoint and neither
loses nor doubles one.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Final

from ..clock import LAST_TIME
from .metric_lines import metrics_in, parse_metric
from .records import Record, read_record

RECORD: Final = b"\x1e"
"""First byte of a line that the runner itself wrote (docs/contract.md); the runner doubles it in the user's lines."""
LONGEST_TEXT: Final = 32 * 1024
"""Maximum bytes of a stored line; a longer one continues in the next lines, so nothing is lost."""
TIME_WIDTH: Final = 17
"""Characters of "1732170000.123456", good until the year 2286."""
NAN: Final = float("nan")


@dataclass(slots=True)
class Batch:
    """The content of a chunk of raw output."""

    texts: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    points: dict[tuple[str, str], array[float]] = field(default_factory=dict)
    """(chart, series) → flat rows x, y, time, index into ``texts``; x is NaN where the count is meant."""
    axes: dict[str, str] = field(default_factory=dict)
    records: list[tuple[float, Record]] = field(default_factory=list)
    refused: int = 0
    """Records that match no schema."""
    untimed: int = 0
    """Lines dropped because they do not begin with a time."""


def _visible(text: bytes) -> bytes:
    """The last state of a line with carriage returns, as a terminal would show it."""
    if b"\r" not in text:
        return text
    return next((part for part in reversed(text.split(b"\r")) if part), b"")


def _pieces(text: bytes) -> list[bytes]:
    """Split a text into pieces of at most LONGEST_TEXT bytes, between characters if it is UTF-8."""
    pieces = []
    while len(text) > LONGEST_TEXT:
        cut = LONGEST_TEXT
        while cut > LONGEST_TEXT - 4 and text[cut] & 0xC0 == 0x80:
            cut -= 1
        pieces.append(text[:cut])
        text = text[cut:]
    pieces.append(text)
    return pieces


def _time(stamp: bytes) -> float | None:
    """Seconds since 1970, or None: on a volume the job itself writes the times, and may write nan or 1e300."""
    try:
        time = float(stamp)
    except ValueError:
        return None
    return time if 0 <= time < LAST_TIME else None


def parse(raw: bytes) -> Batch:
    """Split whole raw lines (ending in a newline) into a batch. Never raises on what a job printed."""
    batch = Batch()
    texts, times, points = batch.texts, batch.times, batch.points
    try:
        raw.decode()
        clean = b"\r" not in raw
    except UnicodeDecodeError:
        clean = False
    stamp, time = b"", 0.0
    for line in raw.split(b"\n"):
        if len(line) <= TIME_WIDTH:
            batch.untimed += bool(line)
            continue
        if line[:TIME_WIDTH] != stamp:
            found = _time(line[:TIME_WIDTH])
            if found is None:
                batch.untimed += 1
                continue
            stamp, time = line[:TIME_WIDTH], found
        text = line[TIME_WIDTH + 1 :]
        first = text[:1]
        if first == RECORD:
            if text[1:2] == RECORD:
                text = text[1:]
            else:
                record = read_record(text[1:])
                if record is not None:
                    batch.records.append((time, record))
                else:
                    batch.refused += 1
                continue
        if b'"chart"' in text:
            # Before what was overwritten is left out: a metric counts although a progress bar came over it.
            metric = parse_metric(text) if first == b"{" else None
            for chart, series, x, y, axis in (metric,) if metric is not None else metrics_in(text):
                if axis is not None:
                    batch.axes[chart] = axis
                if y is not None:
                    rows = points.get((chart, series))
                    if rows is None:
                        rows = points[chart, series] = array("d")
                    rows.extend((NAN if x is None else x, y, time, len(texts)))
        if not clean:
            text = _visible(text).decode("utf-8", "replace").encode()
        if len(text) > LONGEST_TEXT:
            for piece in _pieces(text):
                texts.append(piece)
                times.append(time)
            continue
        texts.append(text)
        times.append(time)
    return batch
