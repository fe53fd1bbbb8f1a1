"""What a real cluster does to jobs: nothing is lost, nothing runs twice, and the reason is right every time."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.cluster.harness import boot, processes
from tests.cluster.harness.places import CHECKOUT, NODE
from tests.cluster.tools import Cluster, Namespace
from tests.integration.harness import ServiceProcess, User, eventually

ONCE = "echo began-$OUTRIDER_JOB_ID >> /storage/starts; "
"""Leaves a mark outside of the job for each time it is started."""


def starts(alice: User, job_id: str) -> int:
    return alice.get("/storage/starts").text.split().count(f"began-{job_id}")


def pod_of(namespace: Namespace, job_id: str) -> str:
    def look() -> str | None:
        items = namespace.get("pods", "-l", f"outrider.dev/job={job_id}")["items"]
        names = [item["metadata"]["name"] for item in items if not item["metadata"].get("deletionTimestamp")]
        return names[0] if names else None

    return str(eventually("it has a pod", look))


def running(alice: User, command: str, **fields: object) -> str:
    job_id = alice.submit(ONCE + command, **fields)
    alice.until(job_id, "running")
    eventually("it began", lambda: starts(alice, job_id) == 1)
    return job_id


def again(alice: User, job_id: str, reason: str) -> None:
    """The attempt ended for that reason, and another was started by itself."""
    eventually("there is another attempt", lambda: alice.job(job_id)["attempt"] == 2, 120)
    first = alice.job(job_id)["attempts"][0]
    assert first["reason"] == reason, first
    alice.until(job_id, "running", timeout_s=120)
    alice.post(f"/jobs/{job_id}/stop")
    assert alice.ended(job_id)["status"] == "cancelled"


def test_a_deleted_pod_is_started_again(alice: User, namespace: Namespace) -> None:
    job_id = running(alice, "sleep 300")
    namespace.kubectl("delete", "pod", pod_of(namespace, job_id), "--wait=false")
    again(alice, job_id, "platform_error")


def test_an_evicted_pod_is_started_again(alice: User, namespace: Namespace) -> None:
    job_id = running(alice, "sleep 300")
    pod = pod_of(namespace, job_id)
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace.name},
    }
    path = f"/api/v1/namespaces/{namespace.name}/pods/{pod}/eviction"
    namespace.kubectl("create", "--raw", path, "-f", "-", stdin=eviction)
    again(alice, job_id, "preempted")


@pytest.fixture
def cordon(cluster: Cluster) -> Iterator[None]:
    cluster.kubectl("cordon", NODE)
    yield
    cluster.kubectl("uncordon", NODE)


def test_a_cordoned_node_is_waited_for(alice: User, cluster: Cluster, cordon: None) -> None:
    job_id = alice.submit("true")
    eventually("it waits", lambda: "Waiting for a free machine" in (alice.job(job_id)["message"] or ""))
    cluster.kubectl("uncordon", NODE)
    assert alice.ended(job_id, 120)["status"] == "succeeded"


@pytest.fixture
def another_node(cluster: Cluster) -> Iterator[None]:
    """One that only says that it is well: a cluster all of whose nodes are silent takes the fault to be its own."""
    over = threading.Event()
    name = "node-1"

    def live() -> None:
        while True:
            cluster.apply(node_lease(name))
            if over.wait(3):
                return

    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {"unschedulable": True}}
    cluster.apply(node)
    ready = [{"type": "Ready", "status": "True", "reason": "Test", "message": ""}]
    words = ("patch", "node", name, "--subresource=status", "--type=merge", "-p")
    cluster.kubectl(*words, json.dumps({"status": {"conditions": ready}}))
    thread = threading.Thread(target=live)
    thread.start()
    yield
    over.set()
    thread.join()
    cluster.kubectl("delete", "node", name)


def node_lease(name: str) -> dict[str, Any]:
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease"},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": time},
    }


@pytest.fixture
def no_kubelet(cluster: Cluster) -> Iterator[None]:
    yield
    if processes.running("kubelet") is None:
        boot.start_kubelet()
    cluster.kubectl("wait", f"node/{NODE}", "--for=condition=Ready", "--timeout=90s")


@pytest.mark.timeout(300)
def test_a_node_that_is_gone_is_told(alice: User, cluster: Cluster, no_kubelet: None, another_node: None) -> None:
    job_id = running(alice, "sleep 300")
    processes.stop("kubelet")
    eventually("it is said", lambda: "does not answer" in (alice.job(job_id)["message"] or ""), 60)
    assert alice.job(job_id)["status"] == "running"
    eventually("the attempt is given up", lambda: alice.job(job_id)["attempt"] == 2, 170)
    assert alice.job(job_id)["attempts"][0]["reason"] == "node_lost"
    boot.start_kubelet()
    alice.until(job_id, "running", timeout_s=90)
    alice.post(f"/jobs/{job_id}/stop")
    alice.ended(job_id, 90)


AWAY_S = 60
"""How long the API server is away: longer than any request is waited for."""


def test_the_api_server_may_be_away_for_a_minute(alice: User, cluster: Cluster) -> None:
    count = 20 * (AWAY_S + 15)
    job_id = running(alice, f"for i in $(seq {count}); do echo line $i; sleep 0.05; done")
    processes.stop("kube-apiserver")
    back = time.monotonic() + AWAY_S
    waiting = alice.submit(ONCE + "true")
    # Its log goes on: it comes from the volume.
    before = len(alice.lines(job_id))
    eventually("lines come", lambda: len(alice.lines(job_id)) > before + 50)
    while time.monotonic() < back:
        assert alice.job(job_id)["status"] == "running"
        assert alice.job(waiting)["status"] in ("pending", "provisioning")
        time.sleep(1)
    boot.start_api_server()
    job = alice.ended(job_id, 120)
    assert (job["status"], job["attempt"]) == ("succeeded", 1), job
    assert alice.lines(job_id) == [f"line {i}" for i in range(1, count + 1)]
    job = alice.ended(waiting, 120)
    assert (job["status"], job["attempt"]) == ("succeeded", 1), job
    assert starts(alice, waiting) == 1


@pytest.fixture
def faulty(service: ServiceProcess) -> Iterator[Callable[[str], None]]:
    """Restarts the service so that it kills itself at a point (``tests/integration/faulty_service.py``)."""
    module = service.module

    def arm(fault: str) -> None:
        service.stop()
        (service.home / "fault.count").unlink(missing_ok=True)
        service.environment["FAULT"] = fault
        service.module = [str(CHECKOUT / "tests/integration/faulty_service.py")]
        service.start()

    yield arm
    service.module = module
    if service.environment.pop("FAULT", None) is not None:
        # It is not dead yet, or was not started again.
        service.stop()
        service.start()


def died(service: ServiceProcess) -> None:
    """The service dies of its fault, and has none from now on."""
    assert service.process is not None
    service.process.wait(60)
    assert service.process.returncode == -signal.SIGKILL, service.log[-3000:]
    service.environment.pop("FAULT")


def revived(service: ServiceProcess) -> None:
    died(service)
    service.start()


START = ["before-creation:1", *(f"after-creation:{number}" for number in (1, 2, 3, 4))]
"""Secret, Service, NetworkPolicy and Job of a job on two machines."""
LIFE = ["after-running:1", "after-append:1", "before-ended:1", "after-ended:1"]
STOP = ["after-patching:1", "after-deletion:1"]
"""No more pods; its pod."""


@pytest.mark.parametrize("fault", [*START, *LIFE])
def test_a_service_killed_at_any_point_loses_and_doubles_nothing(
    alice: User, service: ServiceProcess, namespace: Namespace, faulty: Callable[[str], None], fault: str
) -> None:
    faulty(fault)
    nodes = 2 if fault in START else 1
    job_id = ""
    with contextlib.suppress(httpx.HTTPError):  # it may die before it has answered
        job_id = alice.submit(ONCE + "for i in 1 2 3; do echo line $i; sleep 0.1; done", nodes=nodes)
    revived(service)
    job_id = job_id or alice.get("/jobs").json()["items"][0]["id"]
    job = alice.ended(job_id, 120)
    assert (job["status"], job["attempt"]) == ("succeeded", 1), job
    assert sorted(alice.lines(job_id)) == sorted(nodes * [f"line {i}" for i in (1, 2, 3)])
    assert starts(alice, job_id) == nodes
    leaves_nothing(namespace, job_id)


@pytest.mark.parametrize("fault", STOP)
def test_a_service_killed_during_a_stop_ends_it_all_the_same(
    alice: User, service: ServiceProcess, namespace: Namespace, faulty: Callable[[str], None], fault: str
) -> None:
    faulty(fault)
    job_id = running(alice, "sleep 300")
    with contextlib.suppress(httpx.HTTPError):
        alice.post(f"/jobs/{job_id}/stop")
    revived(service)
    job = alice.ended(job_id, 120)
    assert (job["status"], job["reason"], job["attempt"]) == ("cancelled", "cancelled_by_user", 1)
    leaves_nothing(namespace, job_id)


def test_what_a_killed_removal_left_is_taken_away(
    alice: User, service: ServiceProcess, namespace: Namespace, faulty: Callable[[str], None]
) -> None:
    faulty("after-deletion:1")
    job_id = alice.submit("true")
    died(service)
    label = f"outrider.dev/job={job_id}"
    eventually("its Job is gone", lambda: not namespace.get("jobs", "-l", label)["items"])
    assert namespace.get("secrets", "-l", label)["items"]
    service.start()
    leaves_nothing(namespace, job_id)


def leaves_nothing(namespace: Namespace, job_id: str) -> None:
    kinds = "jobs,pods,secrets,services,networkpolicies"
    label = f"outrider.dev/job={job_id}"
    eventually("nothing is left of it", lambda: not namespace.get(kinds, "-l", label)["items"])


def test_a_service_that_was_away_learns_how_jobs_ended(alice: User, service: ServiceProcess) -> None:
    commands = {"sleep 1; exit 7": ("failed", "exited", 7), "sleep 1": ("succeeded", "exited", 0)}
    commands["sleep 1; python3 -c 'x = [bytearray(10**7) for _ in range(1000)]'"] = ("failed", "out_of_memory", 137)
    jobs = {alice.submit(command): wanted for command, wanted in commands.items()}
    for job_id in jobs:
        alice.until(job_id, "running", "failed", "succeeded")
    service.kill()
    time.sleep(8)
    service.start()
    for job_id, wanted in jobs.items():
        job = alice.ended(job_id)
        assert (job["status"], job["reason"], job["exit_code"]) == wanted


def test_a_kubelet_that_stands_still_for_a_moment_costs_nothing(alice: User) -> None:
    job_id = running(alice, "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.5; done")
    processes.send("kubelet", signal.SIGSTOP)
    time.sleep(3)
    processes.send("kubelet", signal.SIGCONT)
    job = alice.ended(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)
    assert alice.lines(job_id) == [str(i) for i in range(1, 9)]
