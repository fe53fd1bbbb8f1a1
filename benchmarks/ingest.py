"""Points that a job prints: from raw output to lines and series on disk.

The limit is the recognition of a point alone: orjson reads the line and the fields are checked, nothing is kept
(``parse_metric``). The figure is points a second of one core's time, since a service with many jobs has no more than
that; pieces are as large as the local platform's. The last row is a real job that prints a million points as fast as
Python can, beside the same program whose output nobody keeps.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time

import orjson

from outrider_service.backends.log_chunks import PIECE
from outrider_service.telemetry.journal import Journal
from outrider_service.telemetry.lines import TIME_WIDTH, parse
from outrider_service.telemetry.metric_lines import parse_metric
from tests.integration.harness import eventually

from .harness import Bench, catalog
from .report import Row

POINTS = 1_000_000
ROUNDS = 3
PROGRAM = f"""
import sys
write = sys.stdout.write
for n in range({POINTS}):
    write('{{"chart": "loss", "y": %.6f, "x": %d}}\\n' % (1 / (n + 1), n))
"""


def raw_output(points: int) -> bytes:
    """What a supervisor keeps of such a job."""
    line = '{:.6f} {{"chart": "loss", "y": {:.6f}, "x": {}}}\n'
    return b"".join(line.format(1732170000 + n // 1000 / 100, 1 / (n + 1), n).encode() for n in range(points))


def pieces(raw: bytes) -> list[bytes]:
    found, start = [], 0
    while start < len(raw):
        end = raw.rfind(b"\n", start, start + PIECE) + 1
        found.append(raw[start:end])
        start = end
    return found


def limit(lines: list[bytes]) -> float:
    """Lines a second of processor time."""
    began = time.thread_time()
    for line in lines:
        parse_metric(line)
    return len(lines) / (time.thread_time() - began)


def bare_orjson(lines: list[bytes]) -> float:
    began = time.thread_time()
    for line in lines:
        orjson.loads(line)
    return len(lines) / (time.thread_time() - began)


def ingest(bench: Bench, raw: list[bytes]) -> tuple[float, float, float]:
    """Points a second: of processor time, of wall time, and of processor time in the parser alone."""
    folder = bench.folder / "ingest"
    journal = Journal(folder)
    cpu, wall, parsing, position = time.thread_time(), time.monotonic(), 0.0, 0
    for piece in raw:
        before = time.thread_time()
        batch = parse(piece)
        parsing += time.thread_time() - before
        position += len(piece)
        journal.append(batch, 1, 0, str(position))
    cpu, wall = time.thread_time() - cpu, time.monotonic() - wall
    assert journal.checkpoint.series[0].count == POINTS
    shutil.rmtree(folder)
    return POINTS / cpu, POINTS / wall, POINTS / parsing


def alone() -> float:
    """The same program, its output thrown away."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", PROGRAM], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def whole_path(bench: Bench) -> float:
    """Seconds from the command's start until the last of a million points can be read."""
    with bench.service(catalog=catalog()) as service:
        alice = service.user("alice")
        job_id = alice.code(PROGRAM)

        def all_there() -> bool:
            charts = alice.get(f"/jobs/{job_id}/metrics").json()["items"]
            return any(c["chart"] == "loss" and c["series"][0]["count"] == POINTS for c in charts)

        eventually("all points are in the journal", all_there, 120)
        ended = time.time()
        events = alice.get(f"/jobs/{job_id}/events").json()["items"]
        from datetime import datetime

        started = next(e["time"] for e in events if e["type"] == "started")
        return ended - datetime.fromisoformat(started).timestamp()


def run(bench: Bench) -> list[Row]:
    raw = pieces(raw_output(POINTS))
    lines = [line[TIME_WIDTH + 1 :] for piece in raw[:20] for line in piece.split(b"\n") if line]
    recognised = max(limit(lines) for _ in range(ROUNDS))
    decoded = max(bare_orjson(lines) for _ in range(ROUNDS))
    cpu, wall, parsing = max(ingest(bench, raw) for _ in range(ROUNDS))
    printed = alone()
    taken = whole_path(bench)
    return [
        Row(
            "metric ingest, one core",
            cpu,
            "points/s",
            goal=300_000,
            at_least=True,
            limit=recognised,
            limit_is="orjson and validation alone",
            note=f"{wall:,.0f} a second of wall time; the parser alone {parsing:,.0f}; orjson alone {decoded:,.0f}",
        ),
        Row(
            "a job prints 1,000,000 points: all readable",
            taken,
            "s",
            limit=printed,
            limit_is="the program alone, its output thrown away",
            note=f"{POINTS / taken:,.0f} points/s through runner, supervisor and service at once",
        ),
    ]
