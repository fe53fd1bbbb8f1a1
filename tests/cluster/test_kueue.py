"""Jobs through a queue of Kueue's: its quota, its order, and what a person is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.harness import kueue
from tests.cluster.harness.product import Images
from tests.cluster.services import make_service
from tests.cluster.tools import Cluster, Namespace
from tests.integration.harness import HubProcess, ServiceProcess, User, eventually

GROUP = "kueue.x-k8s.io/v1beta1"
QUOTA = {"cpu": "250m", "memory": "1Gi"}
"""Two of "small", with a little left."""


@pytest.fixture(scope="module", autouse=True)
def queue(cluster: Cluster, namespace: Namespace) -> Iterator[None]:
    """Kueue, and a queue of this namespace with a small quota."""
    kueue.install()
    resources = [{"name": name, "nominalQuota": size} for name, size in QUOTA.items()]
    group = {"coveredResources": list(QUOTA), "flavors": [{"name": "any", "resources": resources}]}
    things = [
        {"apiVersion": GROUP, "kind": "ResourceFlavor", "metadata": {"name": "any"}},
        {
            "apiVersion": GROUP,
            "kind": "ClusterQueue",
            "metadata": {"name": "gpus"},
            "spec": {
                "namespaceSelector": {},
                "resourceGroups": [group],
                "preemption": {"withinClusterQueue": "LowerPriority"},
            },
        },
        {
            "apiVersion": GROUP,
            "kind": "LocalQueue",
            "metadata": {"name": "lab", "namespace": namespace.name},
            "spec": {"clusterQueue": "gpus"},
        },
        *(
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": f"kueue-test-{value}"},
                "value": value,
            }
            for value in (0, 10)
        ),
    ]
    # Its webhooks may refuse for a moment after the manager says that it is ready.
    eventually("the queue is made", lambda: _applied(cluster, things), 60)  # type: ignore[arg-type]
    yield
    cluster.kubectl("delete", "priorityclass", "kueue-test-0", "kueue-test-10", check=False)
    cluster.kubectl("-n", namespace.name, "delete", "jobs,localqueue", "--all", check=False)
    cluster.kubectl("delete", "clusterqueue", "gpus", "--wait=false", check=False)
    cluster.kubectl("delete", "resourceflavor", "any", "--wait=false", check=False)
    kueue.remove()


def _applied(cluster: Cluster, things: list[dict[str, object]]) -> bool:
    try:
        cluster.apply(*things)
    except RuntimeError:
        return False
    return True


@pytest.fixture(scope="module")
def service(hub: HubProcess, namespace: Namespace, images: Images, queue: None) -> Iterator[ServiceProcess]:
    classes = {"0": "kueue-test-0", "10": "kueue-test-10"}
    process = make_service(hub, namespace, images, queue="lab", priority_classes=classes)
    try:
        yield process.start()
    finally:
        process.stop()


def free(user: User, name: str) -> tuple[int | None, int | None]:
    machine = next(m for m in user.get("/machines").json()["items"] if m["name"] == name)
    return machine["total"], machine["free"]


def test_the_quota_is_what_is_free_and_the_queue_has_places(alice: User) -> None:
    eventually("the quota is known", lambda: free(alice, "small") == (2, 2))
    running = [alice.submit("sleep 300", machine="small") for _ in range(2)]
    for job_id in running:
        alice.until(job_id, "running")
    eventually("nothing is left", lambda: free(alice, "small") == (2, 0))
    first = alice.submit("echo ran", machine="small")
    eventually("it waits", lambda: "insufficient unused quota for cpu" in (alice.job(first)["message"] or ""))
    assert alice.job(first)["status"] == "provisioning"
    assert alice.job(first)["queue_position"] == 1
    second = alice.submit("echo ran", machine="small")
    eventually("it waits behind", lambda: alice.job(second)["queue_position"] == 2)
    eventually("so it is told", lambda: "queue lab; 1 ahead" in (alice.job(second)["message"] or ""))
    for job_id in running:
        alice.post(f"/jobs/{job_id}/stop")
    assert [alice.ended(job_id)["status"] for job_id in (first, second)] == ["succeeded", "succeeded"]
    eventually("all is free again", lambda: free(alice, "small") == (2, 2))


def test_what_exceeds_the_whole_quota_fails_with_the_reason(alice: User) -> None:
    job = alice.ended(alice.submit("true", machine="giant"))
    assert (job["status"], job["reason"]) == ("failed", "unschedulable"), job
    assert "maximum capacity" in job["message"]


def test_what_waits_can_be_stopped(alice: User, namespace: Namespace) -> None:
    blocker = alice.submit("sleep 300", machine="small", nodes=2)
    alice.until(blocker, "running")
    waiting = alice.submit("true", machine="small")
    eventually("it waits", lambda: alice.job(waiting)["queue_position"] == 1)
    alice.post(f"/jobs/{waiting}/stop")
    job = alice.ended(waiting)
    assert (job["status"], job["reason"]) == ("cancelled", "cancelled_by_user")
    alice.post(f"/jobs/{blocker}/stop")
    alice.ended(blocker)
    eventually("its workloads are gone", lambda: not namespace.get("workloads")["items"])


def test_the_urgent_push_others_out_who_then_run_again(alice: User) -> None:
    low = alice.submit("trap 'exit 1' TERM; echo up; sleep 300 & wait", machine="small", nodes=2)
    eventually("it is up", lambda: "up" in alice.lines(low))
    alice.until(low, "running")
    urgent = alice.submit("echo ran", machine="small", priority=10)
    assert alice.ended(urgent)["status"] == "succeeded"
    eventually("it runs again", lambda: (j := alice.job(low))["status"] == "running" and j["attempt"] == 2, 90)
    kinds = [event["type"] for event in alice.get(f"/jobs/{low}/events").json()["items"]]
    assert "requeued" in kinds, kinds
    alice.post(f"/jobs/{low}/stop")
    alice.ended(low)
