"""Jobs on a real cluster beside the cluster's own: ``kubectl create`` of the same command, in the same run.

Runs on the tests' own Kubernetes (``make cluster-up``), so as root. Not among those that ``make bench`` runs.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.cluster.harness import boot, processes, removal
from tests.cluster.harness.machine import check_machine
from tests.cluster.harness.places import state
from tests.cluster.harness.product import Images, job_images
from tests.cluster.harness.turn import turn
from tests.cluster.services import make_service
from tests.cluster.tools import Cluster, Namespace
from tests.service.harness import HubProcess, ServiceProcess, User, eventually

from .harness import Bench
from .report import Row, percentile, spread

SAMPLES = 10
MANY = 60
COMMAND = "date +%s.%N"
PATIENCE_S = 600


def bare_job(namespace: Namespace, images: Images, name: str, *, volumes: bool = True) -> dict[str, Any]:
    """What ``kubectl create job`` makes for the same command, with what a locked namespace asks for.

    ``volumes``: as it makes it, with the account's token mounted. A kubelet looks every 300 ms whether volumes are
    there; a pod that mounts nothing at all, as hardly one does, is spared that.
    """
    locked = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": volumes,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "job",
                "image": images.base,
                "command": ["/bin/sh", "-c", COMMAND],
                "securityContext": locked,
                "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "128Mi"}},
            }
        ],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace.name, "labels": {"bench": "bare"}},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }


def bare_start(namespace: Namespace, images: Images, name: str, *, volumes: bool = True) -> float:
    manifest = bare_job(namespace, images, name, volumes=volumes)
    began = time.time()
    namespace.kubectl("create", "-f", "-", stdin=manifest)
    namespace.kubectl("wait", f"job/{name}", "--for=condition=complete", "--timeout=60s")
    return float(namespace.kubectl("logs", f"job/{name}")) - began


def ours_start(alice: User) -> float:
    began = time.time()
    job_id = alice.submit(COMMAND)
    assert alice.ended(job_id)["status"] == "succeeded"
    return float(alice.lines(job_id)[0]) - began


def bare_many(namespace: Namespace, images: Images) -> float:
    items = [bare_job(namespace, images, f"many-{n}") for n in range(MANY)]
    began = time.time()
    namespace.kubectl("create", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": items})

    def all_done() -> bool:
        done = namespace.kubectl("get", "jobs", "-l", "bench=bare", "-o", "jsonpath={.items[*].status.succeeded}")
        return len(done.split()) >= MANY + 2 * SAMPLES

    eventually("the bare jobs have ended", all_done, PATIENCE_S)
    return MANY / (time.time() - began)


def requests_made(service: ServiceProcess) -> float:
    answer = httpx.get(f"{service.base}/metrics/prometheus", headers={"Authorization": "token root-token"})
    for line in answer.text.splitlines():
        if line.startswith("outrider_kubernetes_requests_total "):
            return float(line.split()[1])
    raise LookupError("the service does not count its requests")


def ours_many(alice: User, service: ServiceProcess) -> tuple[float, float]:
    """Jobs a second, and requests to the API server for each."""
    before = requests_made(service)
    began = time.time()
    jobs = [alice.submit("true") for _ in range(MANY)]

    def all_done() -> bool:
        left = alice.get("/jobs", params=[("status", s) for s in ("pending", "provisioning", "running", "stopping")])
        return not left.json()["items"]

    eventually("the jobs have ended", all_done, PATIENCE_S)
    rate = MANY / (time.time() - began)
    assert all(alice.job(job_id)["status"] == "succeeded" for job_id in jobs)
    eventually("they are cleaned up", lambda: not _left(service), PATIENCE_S)
    return rate, (requests_made(service) - before) / MANY


def _left(service: ServiceProcess) -> list[str]:
    return [path.name for path in (service.home / "run" / "jobs").iterdir()]


@contextlib.contextmanager
def platform() -> Iterator[tuple[Namespace, Images, ServiceProcess]]:
    check_machine()
    with contextlib.ExitStack() as stack:
        stack.enter_context(turn())
        was_up = processes.running("kubelet") is not None
        boot.up()
        if not was_up:
            stack.callback(removal.down)
        images = job_images()
        namespace = Namespace(Cluster(boot.kubeconfig(), own=True), "t-bench", state() / "volumes" / "t-bench")
        hub = HubProcess(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        namespace.remove()
        namespace.make()
        stack.callback(namespace.remove)
        stack.callback(hub.stop)
        hub.start()
        service = make_service(hub, namespace, images)
        stack.callback(service.stop)
        service.start()
        yield namespace, images, service


def run(_bench: Bench) -> list[Row]:
    with platform() as (namespace, images, service):
        alice = service.user("alice")
        ours_start(alice)
        bare, empty, ours = [], [], []
        for number in range(SAMPLES):
            bare.append(bare_start(namespace, images, f"bare-{number}"))
            empty.append(bare_start(namespace, images, f"empty-{number}", volumes=False))
            ours.append(ours_start(alice))
        middle, peer = percentile(ours, 50), percentile(bare, 50)
        bare_rate = bare_many(namespace, images)
        rate, calls = ours_many(alice, service)
    told = json.dumps({"bare": spread(bare), "bare without any volume": spread(empty), "ours": spread(ours)})
    return [
        Row("submit to running on Kubernetes", middle, "s", limit=peer, limit_is="kubectl create job", note=told),
        Row("the same, above the bare cluster's", (middle - peer) * 1000, "ms", goal=300),
        Row(f"{MANY} short jobs at once", rate, "jobs/s", limit=bare_rate, limit_is="bare Jobs", at_least=True),
        Row("requests to the API server", calls, "a job"),
    ]
