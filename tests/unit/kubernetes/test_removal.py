"""What is removed of an attempt that is over, against an API that keeps objects in memory: all that was made, and
nothing else is asked for."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from outrider_service.backends.base import Attempt
from outrider_service.backends.kubernetes import KubernetesBackend, KubernetesSettings
from outrider_service.backends.kubernetes.api import ApiError, KubernetesApi, Object
from outrider_service.storage.directories import Directories
from outrider_service.vault import RegistryLogin

SETTINGS = KubernetesSettings(runner_image="r:1")
LISTS = ("jobs", "pods", "nodes")
LOGIN = RegistryLogin("ghcr.io", "user", "password")


class Memory(KubernetesApi):
    """Objects by path. Nothing ever changes by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, Object] = {}
        self.deleted: list[str] = []
        self.seen: dict[str, Object] = {}
        """The Jobs that the backend sees: what is deleted is seen to be gone at once."""
        self._versions = itertools.count(1)

    async def open(self) -> None:
        """There is nothing to connect to."""

    async def get(self, path: str, **query: Any) -> Object:
        if path.rpartition("/")[2] in LISTS:
            return {"metadata": {"resourceVersion": "0"}, "items": []}
        if path not in self.objects:
            raise ApiError(404, "not found")
        return deepcopy(self.objects[path])

    async def create(self, path: str, body: Object) -> Object:
        body = deepcopy(body)
        body["metadata"]["resourceVersion"] = str(next(self._versions))
        self.objects[f"{path}/{body['metadata']['name']}"] = body
        return deepcopy(body)

    async def delete(self, path: str, body: Object | None = None, **query: Any) -> Object | None:
        self.deleted.append(path)
        if "/jobs/" in path:
            self.seen.pop(path.rpartition("/")[2], None)
        return self.objects.pop(path, None)

    async def watch(self, path: str, **query: Any) -> AsyncIterator[Object]:
        await asyncio.Event().wait()
        yield {}


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
    backend.picture.jobs.put(over)
    backend.api.seen = backend.picture.jobs.objects
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
    backend.picture.jobs.objects.clear()
    await backend.remove(wanted.ref)
    assert backend.api.objects == {}
    asked = len(backend.api.deleted)
    await backend.remove(wanted.ref)
    assert len(backend.api.deleted) == asked
