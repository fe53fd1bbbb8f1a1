"""Usage of a year with 1,000,000 runs: over HTTP by each dimension, for the admin and for one user.

The limit is the database's: the same sum, alone on one connection.
"""

from __future__ import annotations

import random
import sqlite3
import time
from pathlib import Path
from typing import Any

from outrider_service.accounting.ledger import month_of
from tests.integration.harness import User

from .harness import ONLY_HELD, Bench, catalog
from .report import Row, percentile

RUNS = 1_000_000
DAYS = 365
USERS, PROJECTS, MACHINES = 200, 40, ("small", "medium", "large", "gpu")
GOAL_MS = 200
TRIES = 15
DIMENSIONS = ("user", "group", "project", "machine", "day")
FILTERED: dict[str, tuple[dict[str, Any], ...]] = {
    "root": ({"by": "project", "user": "bob"}, {"by": "user", "project": "project7"}, {"by": ["user", "machine"]}),
    "alice": ({"by": "project", "machine": "large"}, {"by": ["project", "machine"]}),
}
"""Several names at once, or of one name: what no sum is kept for."""


def run(bench: Bench) -> list[Row]:
    home = bench.new_home()
    with bench.service(home, catalog=catalog(ONLY_HELD)) as service:
        service.stop()
        first, last = _fill(home)
        service.start()
        rows = []
        for name, whose in (("root", "everybody's"), ("alice", "one user's")):
            user = service.user(name)
            always: dict[str, Any] = {"since": first, "until": last} | ({"all": "true"} if name == "root" else {})
            for what, asked in (
                ("the slowest dimension", [{"by": by} for by in DIMENSIONS]),
                ("filtered or by several names", list(FILTERED[name])),
            ):
                times = {str(one): _asked(user, one | always) for one in asked}
                worst = max(times, key=lambda one: times[one])
                bare = _bare(home) if (name, what) == ("root", "the slowest dimension") else None
                rows.append(
                    Row(
                        f"usage of a year, {RUNS:,} runs, {whose}, {what} (p95)",
                        times[worst],
                        "ms",
                        GOAL_MS,
                        limit=bare,
                        limit_is="the query" if bare else "",
                        note=worst,
                    )
                )
        return rows


def _asked(user: User, params: dict[str, Any]) -> float:
    """The 95th percentile in milliseconds."""
    times = []
    for _ in range(TRIES):
        began = time.perf_counter()
        answer = user.get("/usage", params=params)
        times.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200 and answer.json()["items"], answer.text[:500]
    return percentile(times, 95)


def _bare(home: Path) -> float:
    """The slowest of the sums, in milliseconds."""
    with sqlite3.connect(_path(home)) as conn:
        slowest = 0.0
        for dimension in ("user", "group", "project", "machine"):
            began = time.perf_counter()
            conn.execute(
                "SELECT name, sum(seconds), sum(gpu_seconds), sum(cost) FROM usage_sums "
                "WHERE scope = 'all' AND dimension = ? GROUP BY name",
                (dimension,),
            ).fetchall()
            slowest = max(slowest, (time.perf_counter() - began) * 1000)
        return slowest


def _path(home: Path) -> str:
    return str(home / "outrider.db")


def _fill(home: Path) -> tuple[str, str]:
    """A year of runs as the service writes them: a line for each, and the days' sums. Its first and last day."""
    chance = random.Random(7)
    today = int(time.time() // 86400)
    users = ["alice", "bob", *(f"user{n:03d}" for n in range(USERS - 2))]
    # Who works on what: a few projects each, mostly on one type of machine.
    habits = {user: (chance.sample(range(PROJECTS), 4), chance.sample(MACHINES, 2)) for user in users}
    sums: dict[tuple[Any, ...], list[float]] = {}
    details: dict[tuple[Any, ...], list[float]] = {}
    months: dict[tuple[Any, ...], list[float]] = {}

    def lines() -> Any:
        for number in range(RUNS):
            user = users[number % USERS]
            projects, machines = habits[user]
            day = today - chance.randrange(DAYS)
            started, seconds = day * 86400 + chance.random() * 80000, chance.random() * 3600
            group = "team" if number % 5 == 0 else None
            project, machine = f"project{chance.choice(projects)}", chance.choice(machines)
            price = 0.5
            cost = seconds * price / 3600
            kept = {"total": "", "user": user, "group": group or "", "project": project, "machine": machine}
            for scope in ("all", f"group:{group}" if group else f"user:{user}"):
                for dimension, name in {**kept, "kind": "job"}.items():
                    found = sums.setdefault((scope, dimension, name, day), [0.0, 0.0])
                    found[0] += seconds
                    found[1] += cost
            names = (user, group or "", project, machine, "job")
            for table, key in ((details, (day, *names)), (months, (month_of(day), *names))):
                detail = table.setdefault(key, [0.0, 0.0])
                detail[0] += seconds
                detail[1] += cost
            yield (
                f"job/j{number:012d}/1@{started}", "job", user, group, project, "default", machine, 0, price, started,
                started + seconds, cost,
            )  # fmt: skip

    with sqlite3.connect(_path(home)) as conn:
        conn.executemany(f"INSERT INTO ledger VALUES ({','.join('?' * 12)})", lines())
        for table, rows in (("usage_days", details), ("usage_months", months)):
            conn.executemany(
                f"INSERT INTO {table} VALUES ({','.join('?' * 9)})",
                ((*key, seconds, 0.0, cost) for key, (seconds, cost) in sorted(rows.items())),
            )
        conn.executemany(
            f"INSERT INTO usage_sums VALUES ({','.join('?' * 7)})",
            ((*key, seconds, 0.0, cost) for key, (seconds, cost) in sorted(sums.items())),
        )
    day = 86400
    return tuple(time.strftime("%Y-%m-%d", time.gmtime(d * day)) for d in (today - DAYS + 1, today))  # type: ignore[return-value]
