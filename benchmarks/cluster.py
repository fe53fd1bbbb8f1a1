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
from tests.integration.harness import HubProcess, ServiceProcess, User, eventually

from .harness import Bench, Usage, pid_of, resident_mb
from .report import Row, percentile, spread

SAMPLES = 10
RUNNING = 200
LOOK_S = 60
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


def bare_many(namespace: Namespace, images: Images, count: int) -> float:
    items = [bare_job(namespace, images, f"many-{n}") for n in range(count)]
    began = time.time()
    namespace.kubectl("create", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": items})

    def all_done() -> bool:
        done = namespace.kubectl("get", "jobs", "-l", "bench=bare", "-o", "jsonpath={.items[*].status.succeeded}")
        return len(done.split()) >= count + 2 * SAMPLES

    eventually("the bare jobs have ended", all_done, PATIENCE_S)
    return count / (time.time() - began)


def figure(service: ServiceProcess, name: str) -> float:
    """One of the figures that the service has for Prometheus; 0 where it has none."""
    answer = httpx.get(f"{service.base}/metrics/prometheus", headers={"Authorization": "token root-token"}, timeout=60)
    answer.raise_for_status()
    lines = (line for line in answer.text.splitlines() if line.startswith(f"{name} "))
    return float(next(lines, "- 0").split()[1])


def requests_made(service: ServiceProcess) -> float:
    return figure(service, "outrider_platform_requests_total")


def jobs_now(service: ServiceProcess, status: str) -> int:
    return int(figure(service, f'outrider_jobs{{status="{status}"}}'))


def ours_many(alice: User, service: ServiceProcess, count: int) -> tuple[float, float]:
    """Jobs a second, and requests to the API server for each."""
    before = requests_made(service)
    began = time.time()
    jobs = [alice.submit("true") for _ in range(count)]

    def all_done() -> bool:
        left = alice.get("/jobs", params=[("status", s) for s in ("pending", "provisioning", "running", "stopping")])
        return not left.json()["items"]

    eventually("the jobs have ended", all_done, PATIENCE_S)
    rate = count / (time.time() - began)
    assert all(alice.job(job_id)["status"] == "succeeded" for job_id in jobs)
    eventually("they are cleaned up", lambda: not _left(service), PATIENCE_S)
    return rate, (requests_made(service) - before) / count


def while_running(alice: User, service: ServiceProcess) -> tuple[float, float, float]:
    """With many that run: the service's memory in MB, its percent of a core, its requests a job in a minute."""
    jobs = [alice.submit("sleep 3600", machine="least") for _ in range(RUNNING)]
    eventually("they all run", lambda: jobs_now(service, "running") == RUNNING, PATIENCE_S)
    used, asked = Usage.of(pid_of(service)), requests_made(service)
    time.sleep(LOOK_S)
    busy, asked = Usage.of(pid_of(service)).percent_since(used), requests_made(service) - asked
    memory = resident_mb(pid_of(service))
    for job_id in jobs:
        alice.post(f"/jobs/{job_id}/stop")
    eventually("they have ended", lambda: jobs_now(service, "cancelled") == RUNNING, PATIENCE_S)
    return memory, busy, asked / RUNNING * 60 / LOOK_S


def _left(service: ServiceProcess) -> list[str]:
    return [path.name for path in (service.home / "run" / "jobs").iterdir()]


@contextlib.contextmanager
def platform(*, everywhere: bool = False) -> Iterator[tuple[Namespace, Images, ServiceProcess]]:
    """The service in front of the cluster. ``everywhere``: nodes that do not really run pods may take its jobs."""
    check_machine()
    with contextlib.ExitStack() as stack:
        stack.enter_context(turn())
        was_up = processes.running("kubelet") is not None
        boot.up()
        if not was_up:
            stack.callback(removal.down)
        images = job_images()
        cluster, folder = Cluster(boot.kubeconfig(), own=True), state() / "volumes" / "t-bench"
        namespace = Namespace(cluster, "t-bench", folder, everywhere=everywhere)
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


def run(bench: Bench) -> list[Row]:
    many = bench.short_jobs
    with platform() as (namespace, images, service):
        alice = service.user("alice")
        ours_start(alice)
        bare, empty, ours = [], [], []
        for number in range(SAMPLES):
            bare.append(bare_start(namespace, images, f"bare-{number}"))
            empty.append(bare_start(namespace, images, f"empty-{number}", volumes=False))
            ours.append(ours_start(alice))
        middle, peer = percentile(ours, 50), percentile(bare, 50)
        bare_rate = bare_many(namespace, images, many)
        rate, calls = ours_many(alice, service, many)
        memory, busy, asked = while_running(alice, service)
    told = json.dumps({"bare": spread(bare), "bare without any volume": spread(empty), "ours": spread(ours)})
    return [
        Row("submit to running on Kubernetes", middle, "s", limit=peer, limit_is="kubectl create job", note=told),
        Row("the same, above the bare cluster's", (middle - peer) * 1000, "ms", goal=300),
        Row(
            f"{many} short jobs at once",
            rate,
            "jobs/s",
            limit=bare_rate,
            limit_is="bare Jobs",
            at_least=True,
        ),
        Row("requests to the API server", calls, "a job"),
        Row(f"{RUNNING} jobs run: memory of the service", memory, "MB"),
        Row(f"{RUNNING} jobs run: processor", busy, "% of a core"),
        Row(f"{RUNNING} jobs run: requests to the API server", asked, "a job and minute"),
    ]
