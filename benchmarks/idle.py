"""A service with 1,000 running jobs and nobody asking: what it holds and what it burns.

A thousand real sandboxes do not fit a small machine, so 50 are real (``sleep``, through the API) and the others are
what the service sees of one: a directory whose lock is held, a status that says "running", and a log to which a system
record comes every 10 s with the supervisor's wake-up, all by one helper process. The peer is the same service with
no job at all.
"""

from __future__ import annotations

import time
from pathlib import Path

from outrider_service.storage.directories import Directories
from tests.integration.harness import ServiceProcess, eventually

from .fill import Filler, sqlite_url
from .harness import TINY, Bench, Usage, answer, catalog, pid_of, program, resident_mb
from .report import Row

JOBS, REAL = 1000, 50
SECONDS, EMPTY_SECONDS, SETTLE_S = 60, 15, 15
OWNERS = ["alice", "bob", "carol"]


def measure(service: ServiceProcess, seconds: float) -> tuple[float, float]:
    """MB at the end, percent of a core meanwhile."""
    before = Usage.of(pid_of(service))
    time.sleep(seconds)
    return resident_mb(pid_of(service)), Usage.of(pid_of(service)).percent_since(before)


def running(service: ServiceProcess) -> int:
    text = service.user("root").get("/metrics/prometheus").text
    lines = (line for line in text.splitlines() if line.startswith('outrider_jobs{status="running"}'))
    return int(float(next(lines, "0 0").split()[1]))


def prepare(home: Path) -> Path:
    """The database and the list of directories for the helper."""
    filler = Filler(sqlite_url(home / "outrider.db"))
    ids = filler.running(JOBS - REAL, TINY, OWNERS)
    filler.close()
    names = home / "held.txt"
    names.write_text("\n".join(str(Directories(home).sandbox(job_id, 1)) for job_id in ids))
    return names


def run(bench: Bench) -> list[Row]:
    with bench.service(catalog=catalog()) as service:
        time.sleep(3)
        empty_mb, empty_busy = measure(service, EMPTY_SECONDS)
    home = bench.new_home()
    names = prepare(home)
    with program("idle_sandboxes", names) as holder:
        answer(holder)
        with bench.service(home, catalog=catalog()) as service:
            alice = service.user("alice")
            for _ in range(REAL):
                alice.submit("sleep 900")
            eventually("1,000 jobs run", lambda: running(service) == JOBS, 180)
            time.sleep(SETTLE_S)
            held_mb, busy = measure(service, SECONDS)
            still = running(service)
    if still != JOBS:
        raise RuntimeError(f"{JOBS - still} of the jobs ended meanwhile")
    what = f"service with {JOBS:,} running jobs"
    return [
        Row(
            f"{what}: memory",
            held_mb,
            "MB",
            goal=300,
            limit=empty_mb,
            limit_is="the same service without jobs",
            note=f"{REAL} real sandboxes, {JOBS - REAL} held by a helper that writes what a runner writes",
        ),
        Row(
            f"{what}: processor",
            busy,
            "% of a core",
            goal=10,
            limit=empty_busy,
            limit_is="the same service without jobs",
            note=f"over {SECONDS} s, {JOBS / 10:.0f} system records a second",
        ),
    ]
