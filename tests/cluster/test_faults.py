"""What a real cluster does to jobs: nothing is lost, nothing runs twice, and the reason is right every time."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.cluster.harness import boot, processes
from tests.cluster.harness.places import NODE
from tests.cluster.tools import Cluster, Namespace
from tests.service.harness import ServiceProcess, User, eventually

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


def test_the_api_server_may_be_away_for_a_while(alice: User, cluster: Cluster) -> None:
    line = "for i in $(seq 400); do echo line $i; sleep 0.05; done"
    job_id = running(alice, line)
    processes.stop("kube-apiserver")
    waiting = alice.submit(ONCE + "true")
    # Its log goes on: it comes from the volume.
    before = len(alice.lines(job_id))
    eventually("lines come", lambda: len(alice.lines(job_id)) > before + 50)
    time.sleep(10)
    assert alice.job(waiting)["status"] in ("pending", "provisioning")
    boot.start_api_server()
    job = alice.ended(job_id, 120)
    assert (job["status"], job["attempt"]) == ("succeeded", 1), job
    assert alice.lines(job_id) == [f"line {i}" for i in range(1, 401)]
    job = alice.ended(waiting, 120)
    assert (job["status"], job["attempt"]) == ("succeeded", 1), job
    assert starts(alice, waiting) == 1


def test_a_service_that_is_killed_anywhere_loses_and_doubles_nothing(alice: User, service: ServiceProcess) -> None:
    """At every moment of a start and of a log that the clock happens to find: each job once, each line once."""
    jobs = []
    for pause in (0.0, 0.05, 0.15, 0.4, 1.0, 2.5):
        jobs.append(alice.submit(ONCE + "for i in $(seq 100); do echo line $i; sleep 0.05; done"))
        time.sleep(pause)
        service.kill()
        service.start()
    for job_id in jobs:
        job = alice.ended(job_id, 120)
        assert (job["status"], job["attempt"]) == ("succeeded", 1), job
        assert alice.lines(job_id) == [f"line {i}" for i in range(1, 101)]
        assert starts(alice, job_id) == 1


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
