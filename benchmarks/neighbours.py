"""One user's requests while another takes all that they can get, beside the same requests when nobody else is there.

The neighbour (``neighbours_client``) has a log of two million empty lines and a tree of 5,000 files, runs a job that
prints without a pause and forges its runner's records, and shares the machine's processors with the service.
"""

from __future__ import annotations

import time

from tests.integration.harness import User

from .harness import Bench, answer, catalog, program
from .report import Row, percentile, spread

LINES = 2_000_000
FILES = 5_000
ROUNDS = 100
GOAL_MS = 250
PATHS = ("/me", "/jobs", "/storage")
LOUD = """
import os
for pid in filter(str.isdigit, os.listdir("/proc")):
    if "--spec" in open(f"/proc/{pid}/cmdline").read():
        out = os.open(f"/proc/{pid}/fd/1", os.O_WRONLY)
while True:
    os.write(out, b'\\x1e{"type":[]}\\n')
    print("x" * 1000, flush=True)
"""


def times(user: User, path: str) -> list[float]:
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        taken = user.get(path)
        found.append(time.perf_counter() - began)
        assert taken.status_code == 200, taken.text
    return found


def run(bench: Bench) -> list[Row]:
    with bench.service(catalog=catalog()) as service:
        alice, bob = service.user("alice"), service.user("bob")
        bob.put("/storage/mine", content=b"mine")
        make = f"mkdir -p /storage/many; cd /storage/many; for n in $(seq {FILES}); do echo $n > $n; done"
        job_id = alice.submit(f"{make}; yes '' | head -n {LINES}")
        assert alice.ended(job_id, timeout_s=300)["status"] == "succeeded"
        quiet = {path: times(bob, path) for path in PATHS}
        loud = alice.code(LOUD)
        alice.until(loud, "running")
        with program("neighbours_client", service.base, alice.token, job_id) as client:
            answer(client)
            noisy = {path: times(bob, path) for path in PATHS}
        alice.delete(f"/jobs/{loud}")
    return [
        Row(
            f"{path} beside a noisy neighbour (p95)",
            1000 * percentile(noisy[path], 95),
            "ms",
            goal=GOAL_MS,
            limit=1000 * percentile(quiet[path], 95),
            limit_is="the same without the neighbour",
            note=f"{ROUNDS} requests, {spread(noisy[path])}; without: {spread(quiet[path])}",
        )
        for path in PATHS
    ]
