"""What an operator does to what a newcomer installed: restarts, upgrades, a second release, a restored backup."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.harness.places import state
from tests.cluster.harness.product import Product
from tests.cluster.installed import CHART
from tests.cluster.newcomer import API, IMAGE, Newcomer
from tests.cluster.tools import Cluster
from tests.integration.harness import eventually

NAMESPACE = "t-operator"
LONG = "until test -e /storage/over-$OUTRIDER_JOB_ID; do sleep 0.2; done; echo through"
"""Runs until the test says that it is over."""
PROXY = {"resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "300Mi"}}}


@pytest.fixture(scope="module")
def platform(cluster: Cluster, product: Product) -> Iterator[Newcomer]:
    made = Newcomer(cluster, product, "outrider", state() / "volumes/t-operator", namespace=NAMESPACE)
    made.remove()
    try:
        made.install()
        yield made
    finally:
        made.remove()


def let_end(platform: Newcomer, job_id: str) -> None:
    (platform.folder / f"{platform.name}-platform/users/admin/storage/over-{job_id}").touch()


@pytest.fixture(scope="module")
def notebook(platform: Newcomer) -> str:
    platform.start_notebook("admin", image=IMAGE, machine="small")
    platform.until_ready("admin")
    return platform.notebook_pod("admin")


def test_a_newcomer_logs_in_and_starts_a_notebook_and_a_job(platform: Newcomer, notebook: str) -> None:
    page = platform.log_in(platform.password())
    assert page.status_code == 200
    assert "/hub/login" not in str(page.url)
    assert "/hub/login" in str(platform.log_in("x" * 32).url)
    assert platform.notebook_answers()
    job_id = platform.run("echo it rides out")
    assert platform.ended(job_id)["status"] == "succeeded"
    restarts = json.loads(platform.kubectl("get", "pods", "-o", "json"))["items"]
    assert all(not status["restartCount"] for pod in restarts for status in pod["status"]["containerStatuses"])


def test_a_proxy_that_is_restarted_alone_has_its_routes_back(platform: Newcomer, notebook: str) -> None:
    before = platform.parts()
    mine = f"app.kubernetes.io/instance={platform.name},app.kubernetes.io/component=proxy"
    platform.kubectl("delete", "pod", "-l", mine)
    platform.rolled_out("proxy")
    eventually("the service answers", platform.service_answers)
    eventually("the notebook answers", platform.notebook_answers)
    after = platform.parts()
    assert {part for part in before if before[part] != after[part]} == {"proxy"}


def test_an_upgrade_of_the_proxy_alone_and_its_rollback_restart_nothing_else(platform: Newcomer, notebook: str) -> None:
    steps: list[Callable[[], str]] = [
        lambda: platform.upgrade(values=platform.values(proxy=PROXY)),
        lambda: platform.helm("rollback", platform.name, "--wait", "--timeout=4m"),
    ]
    for step in steps:
        before = platform.parts()
        step()
        eventually("the service answers", platform.service_answers)
        eventually("the notebook answers", platform.notebook_answers)
        after = platform.parts()
        assert {part for part in before if before[part] != after[part]} == {"proxy"}


def test_a_second_release_beside_it_leaves_its_jobs_and_notebooks_alone(
    platform: Newcomer, notebook: str, cluster: Cluster, product: Product
) -> None:
    small = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}}
    machines = {"machines": [{"name": "small", "cpu": 0.05, "memory_mb": 512}], "images": [{"name": IMAGE}]}
    more = {part: {"resources": small} for part in ("hub", "service", "proxy")}
    folder = state() / "volumes/t-operator-second"
    second = Newcomer(cluster, product, "second", folder, namespace=NAMESPACE, catalog=machines, **more)
    try:
        ours = platform.run(LONG)
        running = platform.pod_of(ours)
        second.install()
        theirs = second.run(LONG)
        # Of the same user in both.
        second.start_notebook("admin", image=IMAGE, machine="small")
        second.until_ready("admin")
        notebooks = {**platform.part("notebook"), **second.part("notebook")}
        assert len(notebooks) == 2
        for release in (platform, second):
            release.kubectl("rollout", "restart", f"deployment/{release.name}-service")
            release.rolled_out("service")
            eventually("the service answers", release.service_answers)
        assert platform.pod_of(ours) == running
        for release, job_id in ((platform, ours), (second, theirs)):
            let_end(release, job_id)
            job = release.ended(job_id)
            assert (job["status"], job["attempt"]) == ("succeeded", 1), job
        assert {**platform.part("notebook"), **second.part("notebook")} == notebooks
        assert platform.notebook_answers()
        second.stop_notebook("admin")
        assert platform.notebook_answers()
        for release, job_id in ((platform, ours), (second, theirs)):
            eventually("nothing is left of it", partial(nothing_is_left, release, job_id))
        second.helm("uninstall", second.name, "--wait")
        assert platform.notebook_answers()
    finally:
        second.leave()


def nothing_is_left(platform: Newcomer, job_id: str) -> bool:
    kinds = "jobs,pods,secrets,services,networkpolicies"
    return not platform.kubectl("get", kinds, "-l", f"outrider.dev/job={job_id}", "-o", "name")


def test_a_restored_older_database_deletes_nothing_and_says_what_it_does_not_know(
    platform: Newcomer, notebook: str
) -> None:
    database = platform.folder / f"{platform.name}-platform/outrider.db"
    backup = platform.folder / "backup.db"
    copy(database, backup)
    job_id = platform.run(LONG)
    running = platform.pod_of(job_id)
    platform.scale("service", 0)
    later = platform.folder / "later.db"
    copy(database, later)
    copy(backup, database)
    platform.scale("service", 1)
    eventually("the service answers", platform.service_answers)
    assert platform.job(job_id)["status"] == "unknown"
    name = f"job/{next(iter(platform.uids('jobs', '-l', f'outrider.dev/job={job_id}')))}"
    eventually("it is told", lambda: f"{name} on default has this release's name" in platform.log("service"), 120)
    assert unknown_objects(platform) == 1
    assert platform.pod_of(job_id) == running
    assert platform.notebook_answers()
    # With the newer database the job is what it was.
    platform.scale("service", 0)
    copy(later, database)
    platform.scale("service", 1)
    let_end(platform, job_id)
    job = platform.ended(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 1), job
    eventually("nothing is left of it", partial(nothing_is_left, platform, job_id))


def copy(source: Path, target: Path) -> None:
    """As SQLite has it done while its program runs. The file stays its owner's."""
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def unknown_objects(platform: Newcomer) -> float:
    with platform.http("admin") as http:
        text = http.get(f"{API}/metrics/prometheus").text
    (line,) = [line for line in text.splitlines() if line.startswith("outrider_unknown_objects{")]
    return float(line.rpartition(" ")[2])


def test_what_was_uninstalled_goes_on_when_it_is_installed_again(platform: Newcomer, notebook: str) -> None:
    password, uid = platform.password(), platform.uids("pods")[notebook]
    job_id = platform.run(LONG)
    platform.helm("uninstall", platform.name, "--wait")
    platform.helm("install", platform.name, str(CHART), "--wait", "--timeout=4m", values=platform.values())
    assert platform.password() == password
    assert "/hub/login" not in str(platform.log_in(password).url)
    eventually("the notebook answers", platform.notebook_answers)
    assert platform.uids("pods")[notebook] == uid
    let_end(platform, job_id)
    job = platform.ended(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 1), job


def test_a_password_too_short_for_jupyterhub_is_replaced_by_an_upgrade(platform: Newcomer) -> None:
    """Which earlier charts made. Their Hub never came up, so nobody has logged in with it."""
    write(platform, platform.name, {"admin-password": "twenty-characters-xx"})
    kept = secret(platform, platform.name)
    platform.upgrade()
    assert len(platform.password()) >= 32
    assert "/hub/login" not in str(platform.log_in(platform.password()).url)
    now = secret(platform, platform.name)
    assert {key for key in kept if kept[key] != now[key]} == {"admin-password"}


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("admin-password", "mine", "it needs at least 32 characters"),
        ("cookie-secret", "zz" * 32, "64 hexadecimal digits"),
        ("service-token", "short", "at least 8 characters"),
        ("proxy-token", None, "has no key proxy-token"),
    ],
)
def test_a_secret_of_ones_own_that_stops_the_hub_is_refused(
    platform: Newcomer, key: str, value: str | None, says: str
) -> None:
    good = {"admin-password": "p" * 32, "cookie-secret": "ab" * 32}
    good |= {f"{name}-token": name * 8 for name in ("proxy", "service", "spawner", "metrics")}
    given = {name: text for name, text in {**good, key: value}.items() if text is not None}
    platform.kubectl("delete", "secret", "mine", "--ignore-not-found")
    platform.kubectl("create", "secret", "generic", "mine", *(f"--from-literal={n}={v}" for n, v in given.items()))
    with pytest.raises(AssertionError, match=says) as refused:
        platform.upgrade("--dry-run=server", values=platform.values(hub={"existingSecret": "mine"}))
    assert "the Secret mine" in str(refused.value)


def secret(platform: Newcomer, name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(platform.kubectl("get", "secret", name, "-o", "json"))["data"]
    return found


def write(platform: Newcomer, name: str, values: dict[str, Any]) -> None:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    platform.kubectl("patch", "secret", name, "--type=merge", "-p", json.dumps({"data": data}))
