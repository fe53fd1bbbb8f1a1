"""Whose objects are whose, and what of an earlier version is taken over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from outrider_service.backends.base import AttemptRef, Installation, Phase
from outrider_service.backends.kubernetes import KubernetesBackend, KubernetesSettings
from outrider_service.backends.kubernetes.owner import Owner, unmarked_notebook_secret_name
from outrider_service.storage.directories import Directories
from tests.unit.kubernetes.memory import Memory

OURS = Owner("ns", "prod", "id")
OTHERS = [Owner("ns", "test", "id"), Owner("ns", "prod", "another"), Owner("elsewhere", "prod", "id")]
REF = AttemptRef("j0123456789ab", 2)
JOBS = "/apis/batch/v1/namespaces/ns/jobs"
SECRETS = "/api/v1/namespaces/ns/secrets"
PODS = "/api/v1/namespaces/ns/pods"
LEASE = "notebook/ann/"


def thing(labels: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"labels": labels}}


@pytest.mark.parametrize("other", OTHERS)
def test_two_installations_share_no_name_and_no_mark(other: Owner) -> None:
    """Also where one's database is a copy of the other's."""
    assert OURS.made(thing(OURS.labels(REF)))
    assert not OURS.made(thing(other.labels(REF)))
    assert not OURS.may_adopt(thing(other.labels(REF)))
    assert other.object_name(REF) != OURS.object_name(REF)
    assert other.notebook_secret_name(LEASE) != OURS.notebook_secret_name(LEASE)


def test_names_are_names_of_hosts_also_of_large_jobs() -> None:
    longest = OURS.object_name(AttemptRef("j0123456789ab", 999_999)) + "-63"
    assert len(longest) <= 63


def as_before(release: str, ref: AttemptRef = REF) -> dict[str, Any]:
    """A Job as versions before the mark made it."""
    labels = {
        "app.kubernetes.io/managed-by": "outrider",
        "app.kubernetes.io/component": "job",
        "app.kubernetes.io/part-of": "outrider",
        "app.kubernetes.io/instance": release,
        "outrider.dev/job": ref.job_id,
        "outrider.dev/attempt": str(ref.number),
        "outrider.dev/machine": "small",
    }
    name = f"outrider-{ref.job_id}-{ref.number}"
    return {"metadata": {"name": name, "resourceVersion": "1", "labels": labels}, "spec": {"completions": 1}}


FAILED: dict[str, Any] = {"status": {"conditions": [{"type": "Failed", "status": "True"}]}}


@pytest.fixture
async def memory() -> Memory:
    return Memory()


@pytest.fixture
async def backend(tmp_path: Path, memory: Memory) -> AsyncIterator[KubernetesBackend]:
    directories = Directories(tmp_path)
    directories.make()
    made = KubernetesBackend(directories, KubernetesSettings(namespace="ns", runner_image="r", instance="prod"), memory)
    yield made
    await made.close()


async def test_the_first_start_takes_over_what_the_database_knows_and_the_release_names(
    backend: KubernetesBackend, memory: Memory
) -> None:
    unknown, others = AttemptRef("junknown00000", 1), AttemptRef("jotherother00", 1)
    for job in (as_before("prod") | deepcopy(FAILED), as_before("prod", unknown), as_before("test", others)):
        memory.objects[f"{JOBS}/{job['metadata']['name']}"] = job
    secret = f"{SECRETS}/outrider-{REF.job_id}-{REF.number}"
    memory.objects[secret] = {}
    await backend.open(Installation("id", adopted=False))
    assert (await backend.observe(REF)).phase is not Phase.ABSENT
    await backend.adopt([REF, others])
    labels = {name: job["metadata"]["labels"] for name, job in memory.objects.items() if name.startswith(JOBS)}
    marked = {name for name, found in labels.items() if "outrider.dev/installation" in found}
    assert marked == {f"{JOBS}/outrider-{REF.job_id}-{REF.number}"}
    # It is as any other: it is cleaned up under the name that it has. The others are not to be seen any more.
    assert [found.attempt for found in await backend.found() if found.ours] == [REF]
    assert (await backend.observe(unknown)).phase is Phase.ABSENT
    assert (await backend.observe(others)).phase is Phase.ABSENT
    await backend.remove(REF)
    await backend.remove(unknown)
    await backend.remove(others)
    assert secret not in memory.objects
    assert len([name for name in memory.objects if name.startswith(JOBS)]) == 2


async def test_a_later_start_takes_nothing_over(backend: KubernetesBackend, memory: Memory) -> None:
    memory.objects[f"{JOBS}/outrider-{REF.job_id}-{REF.number}"] = as_before("prod")
    await backend.open(Installation("id", adopted=True))
    assert (await backend.observe(REF)).phase is Phase.ABSENT
    assert [found.ours for found in await backend.found()] == [False]


@pytest.mark.parametrize("others_job", [False, True])
async def test_what_a_removal_by_an_earlier_version_left_goes_unless_a_job_is_there(
    backend: KubernetesBackend, memory: Memory, others_job: bool
) -> None:
    """The copy of a database has the original's jobs and directories, while the original is at work."""
    if others_job:
        memory.objects[f"{JOBS}/outrider-{REF.job_id}-{REF.number}"] = as_before("original")
    secret = f"{SECRETS}/outrider-{REF.job_id}-{REF.number}"
    memory.objects[secret] = {}
    backend.directories.sandbox(REF.job_id, REF.number).mkdir()
    await backend.open(Installation("id", adopted=False))
    await backend.adopt([REF])
    assert (secret in memory.objects) is others_job


@pytest.mark.parametrize("others_pod", [False, True])
async def test_the_account_of_a_notebook_from_before_goes_with_it_unless_anothers_needs_it(
    backend: KubernetesBackend, memory: Memory, others_pod: bool
) -> None:
    name = unmarked_notebook_secret_name("outrider", LEASE)
    for release in ("prod", "test") if others_pod else ("prod",):
        pod = {
            "metadata": {
                "name": f"notebook-{release}",
                "uid": release,
                "resourceVersion": "1",
                "labels": {"app.kubernetes.io/instance": release},
                "annotations": {"hub.jupyter.org/username": "ann", "hub.jupyter.org/servername": ""},
            },
            "spec": {"imagePullSecrets": [{"name": name}]},
            "status": {"phase": "Running"},
        }
        memory.objects[f"{PODS}/{pod['metadata']['name']}"] = pod  # type: ignore[index]
    await backend.open(Installation("id", adopted=True))
    assert [found.name for found in await backend.found()] == ["pod/notebook-prod"]
    await asyncio.sleep(0)
    await backend.forget_notebook(LEASE)
    assert (f"{SECRETS}/{name}" in memory.deleted) is not others_pod
