"""An API server that keeps objects in memory. Nothing in it ever changes by itself."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from copy import deepcopy
from typing import Any

from outrider_service.backends.kubernetes.api import KubernetesApi, KubernetesError, Object

LISTS = ("jobs", "pods", "nodes")


class Memory(KubernetesApi):
    """Objects by path. Lists show what was put into ``objects`` before the first look."""

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
            items = [deepcopy(one) for at, one in self.objects.items() if at.rpartition("/")[0] == path]
            return {"metadata": {"resourceVersion": "0"}, "items": items}
        if path not in self.objects:
            raise KubernetesError(404, "not found")
        return deepcopy(self.objects[path])

    async def create(self, path: str, body: Object) -> Object:
        body = deepcopy(body)
        body["metadata"]["resourceVersion"] = str(next(self._versions))
        self.objects[f"{path}/{body['metadata']['name']}"] = body
        return deepcopy(body)

    async def patch(self, path: str, body: Object) -> Object:
        found, wanted = self.objects[path], dict(body["metadata"])
        if wanted.pop("resourceVersion") != found["metadata"]["resourceVersion"]:
            raise KubernetesError(409, "it has changed")
        found["metadata"]["labels"] |= wanted["labels"]
        found["metadata"]["resourceVersion"] = str(1000 + next(self._versions))
        return deepcopy(found)

    async def delete(self, path: str, body: Object | None = None, **query: Any) -> Object | None:
        self.deleted.append(path)
        if "/jobs/" in path:
            self.seen.pop(path.rpartition("/")[2], None)
        return self.objects.pop(path, None)

    async def watch(self, path: str, **query: Any) -> AsyncIterator[Object]:
        await asyncio.Event().wait()
        yield {}
