"""What is removed of an attempt that is over, against an API that keeps objects in memory: all that was made, and
nothing else is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from outrider_service.backends.base import Attempt, Phase
from outrider_service.backends.kubernetes import KubernetesBackend, KubernetesSettings
from outrider_service.storage.directories import Directories
from outrider_service.vault import RegistryLogin
from tests.unit.kubernetes.memory import Memory

SETTINGS = KubernetesSettings(runner_image="r:1")
LOGIN = RegistryLogin("ghcr.io", "user", "password")


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[KubernetesBackend]:
    directories = Directories(tmp_path)
    directories.make()
    made = KubernetesBackend(directories, SETTINGS, Memory())
    yield made
    await made.close()


async def start(backend: KubernetesBackend, attempt: Attempt) -> list[str]:
    """Starts it, and says that it is over; the paths of what was made."""
    assert isinstance(backend.api, Memory)
    await backend.start(attempt)
    made = list(backend.api.objects)
    (path,) = [path for path in made if "/jobs/" in path]
    over = deepcopy(backend.api.objects[path]) | {"status": {"conditions": [{"type": "Failed", "status": "True"}]}}
    over["metadata"]["resourceVersion"] = "1000"
    backend.cache.jobs.put(over)
    backend.api.seen = backend.cache.jobs.objects
    return made


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 2),
        ({"image": "ghcr.io/team/x:1", "registry_logins": (LOGIN,)}, 3),
        ({"image": "docker.io/team/x:1", "registry_logins": (LOGIN,)}, 2),
        ({"nodes": 2}, 4),
    ],
)
async def test_all_that_was_made_is_removed_and_nothing_else_is_asked_for(
    backend: KubernetesBackend, attempt: Callable[..., Attempt], changes: dict[str, Any], count: int
) -> None:
    wanted = attempt(workspace={"type": "none"}, inputs={}, **changes)
    made = await start(backend, wanted)
    assert len(made) == count
    await backend.remove(wanted.ref)
    assert isinstance(backend.api, Memory)
    assert sorted(backend.api.deleted) == sorted(made)
    assert backend.api.objects == {}


async def test_a_removal_that_was_cut_short_is_ended_by_the_next(
    backend: KubernetesBackend, attempt: Callable[..., Attempt]
) -> None:
    wanted = attempt(workspace={"type": "none"}, inputs={}, nodes=2, image="ghcr.io/team/x:1", registry_logins=(LOGIN,))
    made = await start(backend, wanted)
    assert isinstance(backend.api, Memory)
    # The Job was deleted, and the service killed.
    (job,) = [path for path in made if "/jobs/" in path]
    del backend.api.objects[job]
    backend.cache.jobs.objects.clear()
    await backend.remove(wanted.ref)
    assert backend.api.objects == {}
    asked = len(backend.api.deleted)
    await backend.remove(wanted.ref)
    assert len(backend.api.deleted) == asked


async def test_a_job_of_the_same_name_that_another_installation_made_is_not_seen(
    backend: KubernetesBackend, attempt: Callable[..., Attempt]
) -> None:
    wanted = attempt(workspace={"type": "none"}, inputs={})
    made = await start(backend, wanted)
    (name,) = backend.cache.jobs.objects
    backend.cache.jobs.objects[name]["metadata"]["labels"]["outrider.dev/installation"] = "another"
    assert (await backend.observe(wanted.ref)).phase is Phase.ABSENT
    assert [found.ours for found in await backend.found()] == [False]
    await backend.stop(wanted.ref, 0)
    assert isinstance(backend.api, Memory)
    assert backend.api.deleted == []
    assert len(backend.api.objects) == len(made)
