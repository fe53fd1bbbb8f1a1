"""Many jobs on a real Kubernetes whose nodes only say that they run them (kwok): a thousand at once, beside as many
bare Jobs, and what the service takes with five thousand of which a thousand run and the others wait.

Everything but the nodes is real. Runs on the tests' own Kubernetes (``make cluster-up``), so as root.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from tests.cluster.harness import kwok
from tests.cluster.harness.product import Images
from tests.cluster.tools import Namespace
from tests.integration.harness import ServiceProcess, User, eventually

from .cluster import bare_job, jobs_now, platform, requests_made
from .harness import Bench, Usage, pid_of, resident_mb
from .report import Row

AT_ONCE = 1000
KNOWN = 5000
NODES = AT_ONCE // kwok.PODS_EACH
SETTLE_S, LOOK_S = 20, 60
PATIENCE_S = 1800
"""The control plane and the service share two cores with whatever else there is."""


@contextlib.contextmanager
def nodes(namespace: Namespace, service: ServiceProcess) -> Iterator[None]:
    """Room for a thousand pods. What was put there is gone before the nodes are, and the service before that: it would
    start again what it misses."""
    kwok.start(NODES)
    try:
        yield
    finally:
        service.kill()
        delete_jobs(namespace, "--all")
        kwok.stop()


def delete_jobs(namespace: Namespace, *which: str) -> None:
    """kubectl deletes them one after the other; returns when their pods are gone as well."""
    words = ("-n", namespace.name, "delete", "jobs", *which, "--wait=false")
    namespace.cluster.kubectl(*words, check=False, seconds=PATIENCE_S)
    eventually("the pods are gone", lambda: not namespace.kubectl("get", "pods", "-o", "name"), PATIENCE_S)


def bare_many(namespace: Namespace, images: Images) -> float:
    """Jobs a second from the first that is sent to the last that has succeeded."""

    def manifest(number: int) -> dict[str, Any]:
        made = bare_job(namespace, images, f"bare-{number}")
        pod = made["spec"]["template"]["spec"]
        pod |= {"nodeSelector": kwok.LABEL | kwok.ENDS, "tolerations": [kwok.TOLERATION]}
        return made

    items = [manifest(number) for number in range(AT_ONCE)]
    began = time.monotonic()
    namespace.kubectl("create", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": items})

    def over() -> bool:
        done = namespace.kubectl("get", "jobs", "-l", "bench=bare", "-o", "jsonpath={.items[*].status.succeeded}")
        return len(done.split()) == AT_ONCE

    eventually("the bare jobs have ended", over, PATIENCE_S)
    rate = AT_ONCE / (time.monotonic() - began)
    delete_jobs(namespace, "-l", "bench=bare")
    return rate


def ours_many(alice: User, service: ServiceProcess) -> tuple[float, float]:
    """Jobs a second, likewise, and requests to the API server for each, until nothing is left of them there."""
    before, began = requests_made(service), time.monotonic()
    for _ in range(AT_ONCE):
        alice.submit("true", machine="said-to-end")
    eventually("they have succeeded", lambda: jobs_now(service, "succeeded") == AT_ONCE, PATIENCE_S)
    rate = AT_ONCE / (time.monotonic() - began)
    runs = service.home / "run" / "jobs"
    eventually("they are cleaned up", lambda: not any(runs.iterdir()), PATIENCE_S)
    return rate, (requests_made(service) - before) / AT_ONCE


def fill(alice: User, service: ServiceProcess) -> None:
    for _ in range(KNOWN):
        alice.submit("sleep 3600", machine="said-to-run")
    eventually("a thousand run", lambda: jobs_now(service, "running") == AT_ONCE, PATIENCE_S)
    waiting = KNOWN - AT_ONCE
    eventually("the others are known to wait", lambda: jobs_now(service, "provisioning") == waiting, PATIENCE_S)
    eventually("their Jobs have been made", lambda: quiet(service), PATIENCE_S)


def quiet(service: ServiceProcess) -> bool:
    """Whether nothing is asked of the API for a while: a job is known to wait before its Job has been made."""
    before = requests_made(service)
    time.sleep(SETTLE_S)
    return requests_made(service) == before


def held(service: ServiceProcess) -> tuple[float, float, float]:
    """Memory in MB, percent of a core, and requests a second, while nobody asks and nothing changes."""
    used, asked = Usage.of(pid_of(service)), requests_made(service)
    time.sleep(LOOK_S)
    busy = Usage.of(pid_of(service)).percent_since(used)
    return resident_mb(pid_of(service)), busy, (requests_made(service) - asked) / LOOK_S


def restart(service: ServiceProcess) -> float:
    """Seconds from the start of a service that was killed until it knows again what runs."""
    service.kill()
    began = time.monotonic()
    service.start()
    eventually("it knows what runs", lambda: jobs_now(service, "running") == AT_ONCE, PATIENCE_S)
    return time.monotonic() - began


def listing(alice: User) -> float:
    """Seconds for a page of those that wait, each with its place: the slower of a few."""
    times = []
    for _ in range(5):
        began = time.monotonic()
        assert alice.get("/jobs", params={"status": "provisioning", "limit": 25}).status_code == 200
        times.append(time.monotonic() - began)
    return max(times)


def run(_bench: Bench) -> Iterator[Row]:
    many, known = f"{AT_ONCE:,} jobs at once", f"{KNOWN:,} jobs known, {AT_ONCE:,} of them running"
    with platform(everywhere=True) as (namespace, images, service), nodes(namespace, service):
        alice = service.user("alice")
        bare_rate = bare_many(namespace, images)
        rate, calls = ours_many(alice, service)
        yield Row(many, rate, "jobs/s", limit=bare_rate, limit_is="bare Jobs", at_least=True)
        yield Row(f"{many}: requests to the API server", calls, "a job")
        fill(alice, service)
        memory, busy, asked = held(service)
        yield Row(f"{known}: memory of the service", memory, "MB", goal=300)
        yield Row(f"{known}: processor", busy, "% of a core", goal=10, note=f"over {LOOK_S} s")
        yield Row(f"{known}: requests to the API server", asked, "/s")
        yield Row(f"{known}: 25 of those that wait, with their places", listing(alice) * 1000, "ms")
        yield Row(f"{known}: from a restart to knowing them", restart(service), "s")
