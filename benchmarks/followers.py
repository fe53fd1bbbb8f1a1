"""A printed line to 500 followers of one job's log, each on a connection of its own.

The job prints the time twice a second; the followers, a process of their own, compare it with their clock. The peer is
a bare Tornado server that writes the same events to the same followers out of its own memory: no job, no sandbox, no
journal. Both share the machine with the followers themselves, which need about as much time as the server.
"""

from __future__ import annotations

from typing import Any

from .harness import Bench, Usage, answer, catalog, pid_of, program
from .report import Row, percentile, spread

FOLLOWERS = 500
SECONDS = 15
PROGRAM = """
import time
while True:
    print(time.time(), flush=True)
    time.sleep(0.5)
"""


def follow(url: str, pid: int) -> tuple[list[float], float]:
    """Seconds of every line at every follower, and percent of a core that the server used for them."""
    with program("follower_client", url, "alice-token", FOLLOWERS, SECONDS) as client:
        answer(client)
        before = Usage.of(pid)
        found: dict[str, Any] = answer(client)
        return found["times"], Usage.of(pid).percent_since(before)


def run(bench: Bench) -> list[Row]:
    with program("bare_fanout") as server:
        port = answer(server)["port"]
        peer, peer_busy = follow(f"http://127.0.0.1:{port}/", server.pid)
    with bench.service(catalog=catalog(), OUTRIDER_FOLLOWERS_PER_USER=str(FOLLOWERS)) as service:
        alice = service.user("alice")
        job_id = alice.code(PROGRAM)
        alice.until(job_id, "running")
        times, busy = follow(f"{service.base}/jobs/{job_id}/logs", pid_of(service))
    return [
        Row(
            f"printed line to {FOLLOWERS} followers (p95)",
            1000 * percentile(times, 95),
            "ms",
            goal=1000,
            limit=1000 * percentile(peer, 95),
            limit_is="bare Tornado, the same events",
            note=f"{spread(times)} over {len(times):,} deliveries, the service at {busy:.0f} % of a core; "
            f"bare: {spread(peer)}, {peer_busy:.0f} %",
        )
    ]
