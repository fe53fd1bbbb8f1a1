"""From a submission to the job's own code: above what starting a plain process costs.

The job is ``python -c``, printing the time at which it runs; the peer is the same command by ``subprocess.Popen``. The
job's timeline says where the rest goes: taking in, waiting for the scheduler, the sandbox, the runner.
"""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import datetime
from typing import Any

from tests.integration.harness import User, eventually

from .harness import Bench, catalog
from .report import Row, percentile, spread

SAMPLES = 20
CODE = "import time; print(time.time(), flush=True)"
STEPS = (
    ("taken in", "sent", "queued"),
    ("scheduled", "queued", "machine_found"),
    ("sandbox", "machine_found", "machine_ready"),
    ("runner", "machine_ready", "started"),
    ("shell and Python", "started", "printed"),
)


def plain() -> float:
    began = time.time()
    found = subprocess.run(["/bin/sh", "-c", f"{sys.executable} -c '{CODE}'"], capture_output=True, check=True)
    return float(found.stdout) - began


def one(user: User) -> dict[str, float] | None:
    """The moments of one job's start; None when the sandbox failed at first and the job was queued again."""
    moments = {"sent": time.time()}
    job_id = user.submit(f"python -c '{CODE}'")
    if user.ended(job_id)["attempt"] > 1:
        return None

    def events() -> list[dict[str, Any]]:
        return list(user.get(f"/jobs/{job_id}/events").json()["items"])

    for event in eventually("the timeline is there", lambda: len(events()) >= 5 and events()):
        moments[event["type"]] = datetime.fromisoformat(event["time"]).timestamp()
    moments["printed"] = float(user.lines(job_id)[0])
    return moments


def run(bench: Bench) -> list[Row]:
    with bench.service(catalog=catalog()) as service:
        alice = service.user("alice")
        one(alice)
        found: list[dict[str, float]] = []
        peer: list[float] = []
        failed = 0
        while len(found) < SAMPLES and failed < SAMPLES:
            moments = one(alice)
            if moments is None:
                failed += 1
            else:
                found.append(moments)
                peer.append(plain())
    taken = [moments["printed"] - moments["sent"] for moments in found]
    steps = (f"{name} {1000 * percentile([m[to] - m[since] for m in found], 50):.0f} ms" for name, since, to in STEPS)
    above = [mine - percentile(peer, 50) for mine in taken]
    return [
        Row(
            "submit to running, above a plain process (median)",
            1000 * percentile(above, 50),
            "ms",
            goal=300,
            limit=1000 * percentile(peer, 50),
            limit_is="subprocess.Popen of the same command, in all",
            note=f"in all {spread(taken)}; medians: {', '.join(steps)}"
            + (f"; {failed} sandboxes failed to start and are left out" if failed else ""),
        ),
        Row("submit to running, above a plain process (p95)", 1000 * percentile(above, 95), "ms", goal=300),
    ]
