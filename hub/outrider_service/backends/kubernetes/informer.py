"""A local copy of one kind of object, kept up to date by list and watch.

It is always a state that the API server really had: a list replaces everything at once, and each event changes one
object. While the API is unreachable, the last copy stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from typing import Final

from .api import KubernetesApi, KubernetesError, Object

log = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0
PAGE: Final = 500


UNREAD: Final = ("args", "command", "env", "securityContext", "volumeMounts")
"""Container fields that nothing here reads, which are most of the object."""
UNREAD_OF_SPEC: Final = ("template", "volumes")
"""The same in the specification of a Job or pod."""


def slim(thing: Object) -> Object:
    """Drop the large fields that nothing reads. Modifies the object."""
    thing["metadata"].pop("managedFields", None)
    if "images" in (status := thing.get("status") or {}):
        del status["images"]
    spec = thing.get("spec") or {}
    for name in UNREAD_OF_SPEC:
        spec.pop(name, None)
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        for name in UNREAD:
            container.pop(name, None)
    return thing


class Informer:
    """Objects by name. ``changed(old, new)`` is called for each one added, changed or deleted; None: absent."""

    def __init__(
        self, api: KubernetesApi, path: str, selector: str, changed: Callable[[Object | None, Object | None], None]
    ) -> None:
        self._api = api
        self._path = path
        self._query = {"labelSelector": selector} if selector else {}
        self._changed = changed
        self.objects: dict[str, Object] = {}
        self.refused = False
        """True if permission is denied; then there are no objects."""
        self._synced = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"watch {self._path}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def synced(self, seconds: float) -> bool:
        """Wait until the first list has arrived."""
        # Not wait_for: before Python 3.12 it loses a cancellation that arrives with the result, and a stop would hang.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._synced.wait()
        return self._synced.is_set()

    def put(self, new: Object) -> None:
        """Store an object that a request returned: the watch may lag behind."""
        name = slim(new)["metadata"]["name"]
        old = self.objects.get(name)
        if old is None or _version(old) < _version(new):
            self.objects[name] = new
            self._changed(old, new)

    async def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            try:
                version = await self._list()
                pause = FIRST_PAUSE_S
                while True:
                    version = await self._follow(version)
            except KubernetesError as error:
                if error.status == 403:
                    self.refused = True
                    self._synced.set()
                    pause = LONGEST_PAUSE_S
                elif error.status != 410:
                    log.warning("watching %s: %s", self._path, error)
            except Exception:
                log.exception("watching %s", self._path)
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311
            pause = min(LONGEST_PAUSE_S, pause * 2)

    async def _list(self) -> str:
        found: dict[str, Object] = {}
        going: dict[str, str] = {}
        while True:
            page = await self._api.get(self._path, limit=PAGE, **self._query, **going)
            found |= {item["metadata"]["name"]: slim(item) for item in page.get("items") or []}
            if not (onward := page["metadata"].get("continue")):
                break
            going = {"continue": onward}
        before, self.objects = self.objects, found
        self.refused = False
        self._synced.set()
        for name in before.keys() | found.keys():
            old, new = before.get(name), found.get(name)
            if old is None or new is None or _version(old) != _version(new):
                self._changed(old, new)
        return str(page["metadata"]["resourceVersion"])

    async def _follow(self, version: str) -> str:
        async for event in self._api.watch(self._path, resourceVersion=version, **self._query):
            thing = event["object"]
            if event["type"] == "ERROR":
                raise KubernetesError(int(thing.get("code") or 500), str(thing.get("message") or "the watch failed"))
            version = thing["metadata"]["resourceVersion"]
            if event["type"] == "BOOKMARK":
                continue
            name = slim(thing)["metadata"]["name"]
            old = self.objects.get(name)
            if event["type"] == "DELETED":
                self.objects.pop(name, None)
                # The event carries the last state, which may hold an end that has not been seen yet.
                self._changed(thing, None)
            elif old is None or _version(old) <= _version(thing):
                self.objects[name] = thing
                self._changed(old, thing)
        return version


def _version(thing: Object) -> int:
    """The object's version, to compare. Opaque in principle, but an integer in every API server so far (1.35 guarantees
    it)."""
    try:
        return int(thing["metadata"]["resourceVersion"])
    except ValueError:
        return 0
