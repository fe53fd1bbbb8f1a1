"""From the version before objects bore a mark, with its own chart and its own programs, to this one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.cluster.harness.places import CHECKOUT, state
from tests.cluster.harness.product import Product, earlier
from tests.cluster.installed import Installation
from tests.cluster.tools import Cluster
from tests.integration.harness import eventually

BEFORE = "31c458f"
"""The last commit whose objects bear no mark."""
API = "/services/outrider/api/v1"
MARK = "outrider.dev/installation"
LONG = "until test -e /storage/over; do sleep 0.2; done; echo through"
KINDS = "jobs,pods,secrets,services,networkpolicies"


@pytest.fixture(scope="module")
def before(cluster: Cluster, product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """As that version installs it. Its own login does not start, so it has another."""
    try:
        old = earlier(BEFORE)
    except subprocess.CalledProcessError:
        pytest.skip(f"the history of this checkout does not go back to {BEFORE}")
    made = Installation(cluster, old, "t-upgrade", state() / "volumes" / "t-upgrade")
    made.remove()
    try:
        made.install(chart_of(BEFORE, tmp_path_factory.mktemp("chart")))
        yield made
    finally:
        made.remove()


def chart_of(commit: str, folder: Path) -> Path:
    archive = subprocess.check_output(["git", "-C", str(CHECKOUT), "archive", commit, "helm/outrider"])
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder / "helm/outrider"


def test_jobs_and_notebooks_of_before_are_taken_over_and_cleaned_up(before: Installation, product: Product) -> None:
    platform = before
    platform.start_notebook("alice", image="python", machine="small")
    platform.until_ready("alice")
    with platform.http("alice") as http:
        wanted = [{"command": LONG, "machine": "tiny"}, {"command": LONG, "machine": "tiny", "nodes": 2}]
        jobs = [http.post(f"{API}/jobs", json=one).json()["id"] for one in wanted]
        for job_id in jobs:
            eventually("it runs", partial(has_status, platform, job_id, "running"), 90)
    unmarked = platform.cluster.get("-n", platform.namespace, "jobs")["items"]
    assert len(unmarked) == 2
    assert not any(MARK in job["metadata"]["labels"] for job in unmarked)
    pods = uids(platform)
    platform.product = product
    platform.upgrade()

    def marks() -> set[str | None]:
        found = platform.cluster.get("-n", platform.namespace, "jobs")["items"]
        return {job["metadata"]["labels"].get(MARK) for job in found}

    eventually("they are marked", lambda: None not in marks(), 60)
    assert len(marks()) == 1
    # Once more: what was taken over is known by its mark from now on.
    platform.kubectl("rollout", "restart", f"deployment/{platform.name}-service")
    platform.kubectl("rollout", "status", f"deployment/{platform.name}-service", "--timeout=120s")
    eventually("the service answers", partial(has_status, platform, jobs[0], "running"), 60)
    assert uids(platform) == pods
    eventually("the notebook answers", lambda: answers(platform), 60)
    (platform.folder / f"{platform.name}-platform/users/alice/storage/over").touch()
    for job_id in jobs:
        eventually("it ends", partial(has_status, platform, job_id, "succeeded"), 90)
        with platform.http("alice") as http:
            assert http.get(f"{API}/jobs/{job_id}").json()["attempt"] == 1
        eventually("nothing is left", partial(nothing_is_left, platform, job_id))
    platform.stop_notebook("alice")
    assert not platform.kubectl("get", "pods", "-l", "app.kubernetes.io/component=notebook", "-o", "name")


def uids(platform: Installation) -> dict[str, str]:
    """Of the pods of jobs and notebooks."""
    some = "app.kubernetes.io/component in (job, notebook)"
    found = platform.cluster.get("-n", platform.namespace, "pods", "-l", some)["items"]
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in found}


def has_status(platform: Installation, job_id: str, status: str) -> bool:
    with platform.http("alice") as http:
        answer = http.get(f"{API}/jobs/{job_id}")
    return answer.status_code == 200 and bool(answer.json()["status"] == status)


def nothing_is_left(platform: Installation, job_id: str) -> bool:
    return not platform.kubectl("get", KINDS, "-l", f"outrider.dev/job={job_id}", "-o", "name")


def answers(platform: Installation) -> bool:
    with platform.http("alice") as http:
        return http.get(f"{platform.notebook_url('alice')}api/status").status_code == 200
