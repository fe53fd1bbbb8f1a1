"""What is kept of objects that are watched by the thousand."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from outrider_service.backends.kubernetes.informer import Informer, slim


def test_what_nobody_reads_of_a_pod_is_not_kept() -> None:
    container = {
        "name": "job",
        "image": "a:1",
        "resources": {"requests": {"cpu": "1"}},
        "ports": [{"containerPort": 1}],
    }
    large = {"command": ["x"], "args": ["y"], "env": [{"name": "A"}], "volumeMounts": [{}], "securityContext": {}}
    pod = {
        "metadata": {"name": "a", "resourceVersion": "7", "managedFields": [{"manager": "kubelet"}]},
        "spec": {
            "containers": [container | large],
            "initContainers": [container | large],
            "priority": 3,
            "volumes": [{"name": "run"}],
        },
        "status": {"phase": "Running"},
    }
    assert slim(pod) == {
        "metadata": {"name": "a", "resourceVersion": "7"},
        "spec": {"containers": [container], "initContainers": [container], "priority": 3},
        "status": {"phase": "Running"},
    }


def test_nor_of_a_job_and_a_node() -> None:
    template = {"spec": {"containers": [{"name": "job", "env": []}], "imagePullSecrets": [{"name": "x-pull"}]}}
    job = {"metadata": {"name": "j"}, "spec": {"completions": 2, "template": template}}
    assert slim(job) == {"metadata": {"name": "j"}, "spec": {"completions": 2}}
    node = {"metadata": {"name": "n"}, "spec": {}, "status": {"images": [{}], "allocatable": {"cpu": "2"}}}
    assert slim(node) == {"metadata": {"name": "n"}, "spec": {}, "status": {"allocatable": {"cpu": "2"}}}


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("steps", range(4))
async def test_waiting_for_the_first_list_never_swallows_a_cancellation(listed: bool, steps: int) -> None:
    """A service that stops cancels who waits, also in the very moment in which the list arrives."""
    unused: Any = None
    watched = Informer(unused, "/api/v1/nodes", "", lambda old, new: None)
    if listed:
        watched._synced.set()

    async def look_and_go_on() -> None:
        await watched.synced(60)
        await asyncio.sleep(60)

    task = asyncio.create_task(look_and_go_on())
    for _ in range(steps):
        await asyncio.sleep(0)
    watched._synced.set()
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()
