"""Submitting over REST: 50 jobs a second for 20 seconds, then as many as the service takes.

The platform has one machine and a job that holds it, so what is measured is the taking in, with a queue that grows to
thousands: authentication, checks, the insert, the place in the queue, and the scheduler's look at each newcomer. The
limit of the rate is the database's: the very same rows of jobs, tags and events inserted one transaction a job, from
the same Python, without HTTP.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from outrider_service.db.engine import migrate

from .fill import sqlite_url
from .harness import ONLY_HELD, Bench, Usage, answer, catalog, pid_of, program
from .report import Row, percentile, spread

RATE, RATE_S = 50, 20
WORKERS, MOST_S = 16, 8
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-32768")


def rows_of(path: Path, limit: int) -> list[list[tuple[str, tuple[Any, ...]]]]:
    """The newest jobs, each as its rows with their tables."""
    with sqlite3.connect(path) as db:
        newest = "SELECT * FROM jobs ORDER BY created_at DESC LIMIT ?"
        found = {row[0]: [("jobs", row)] for row in db.execute(newest, (limit,))}
        for table, place in (("tags", 1), ("events", 1)):
            for row in db.execute(f"SELECT * FROM {table}"):
                if row[place] in found:
                    found[row[place]].append((table, row))
    return list(found.values())


def insert_alone(source: Path, target: Path, count: int) -> float:
    """Jobs a second: the same rows into a fresh database, a transaction each."""
    found = rows_of(source, count)
    migrate(sqlite_url(target))
    db = sqlite3.connect(target, isolation_level=None)
    for pragma in PRAGMAS:
        db.execute(f"PRAGMA {pragma}")

    def insert(table: str, row: tuple[Any, ...]) -> None:
        db.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)

    began = time.perf_counter()
    for rows in found:
        db.execute("BEGIN")
        for table, row in rows:
            insert(table, row)
        db.execute("COMMIT")
    taken = time.perf_counter() - began
    db.close()
    return len(found) / taken


def load(service: Any, kind: str, number: float, seconds: float) -> dict[str, Any]:
    with program("submit_client", service.base, "alice-token", kind, number, seconds) as client:
        found: dict[str, Any] = answer(client)
    if found["refused"]:
        raise RuntimeError(f"{len(found['refused'])} refused: {found['refused'][0]}")
    return found


def run(bench: Bench) -> list[Row]:
    home = bench.new_home()
    with bench.service(home, catalog=catalog(ONLY_HELD, cpu=1)) as service:
        alice = service.user("alice")
        alice.until(alice.submit("sleep 600", machine="only"), "running")
        before = Usage.of(pid_of(service))
        steady = load(service, "rate", RATE, RATE_S)
        busy = Usage.of(pid_of(service)).percent_since(before)
        before = Usage.of(pid_of(service))
        most = load(service, "workers", WORKERS, MOST_S)
        spent = Usage.of(pid_of(service)).cpu_s - before.cpu_s
        waiting = len(steady["times"]) + len(most["times"])
    limit = insert_alone(home / "outrider.db", bench.folder / "submit-limit.db", waiting)
    reached = len(steady["times"]) / steady["seconds"]
    rate = len(most["times"]) / most["seconds"]
    return [
        Row(
            f"submit at {RATE} jobs/s for {RATE_S} s: taken",
            round(reached, 1),
            "jobs/s",
            goal=RATE - 1,
            at_least=True,
            note=f"the service used {busy:.0f} % of a core meanwhile",
        ),
        Row(
            "submit at that rate: latency, p95",
            1000 * percentile(steady["times"], 95),
            "ms",
            goal=150,
            note=spread(steady["times"]),
        ),
        Row(
            "submit, the most",
            rate,
            "jobs/s",
            goal=RATE,
            at_least=True,
            limit=limit,
            limit_is="the same rows into SQLite, a transaction each",
            note=f"{WORKERS} at once, {waiting:,} jobs waiting at the end; {spread(most['times'])}; "
            f"{1000 * spent / len(most['times']):.1f} ms of the service's processor time a job",
        ),
    ]
