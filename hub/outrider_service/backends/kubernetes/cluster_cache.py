"""All informers together: the namespace's Jobs and pods by attempt, the nodes, and the topics that announce changes."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Final

from ...signals import Signals
from ..base import AttemptRef, PlatformAway
from . import pod_status, queue
from .api import KubernetesApi, Object
from .informer import Informer
from .kueue import LocalQueue
from .names import notebook_of, ref_of
from .nodes import Node, is_ready, read_nodes
from .owner import Owner
from .queue import QueueEntry
from .settings import KubernetesSettings

SYNC_S: Final = 10.0
MOST_WAITING: Final = 100_000


class ClusterCache:
    """Kept current by watches; reading it makes no requests."""

    def __init__(self, settings: KubernetesSettings, api: KubernetesApi) -> None:
        self._settings = settings
        self.owner: Owner = settings.owner
        """Decides which objects are ours."""
        self.adopting = False
        """Whether the release's unmarked objects count as ours too."""
        namespace = settings.namespace
        jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self.jobs = Informer(api, jobs, "app.kubernetes.io/managed-by=outrider", self._job_changed)
        self.pods = Informer(api, f"/api/v1/namespaces/{namespace}/pods", "", self._pod_changed)
        self.nodes = Informer(api, "/api/v1/nodes", "", self._node_changed)
        self.kueue = LocalQueue(api, namespace, settings.queue, self._place_changed) if settings.queue else None
        self.signals = Signals()
        """Topics are names of Jobs: something about one changed."""
        self.trouble_since: dict[str, float] = {}
        """Since when a pod's containers have failed to start, by pod uid."""
        self._pods_of: dict[AttemptRef, dict[str, Object]] = defaultdict(dict)
        self._waiting: dict[str, QueueEntry] = {}
        """Queue entries by pod uid, maintained incrementally: thousands may wait."""
        self._places: dict[str, int] | None = None
        self._empty_nodes: list[Node] | None = None
        self.pulling: dict[tuple[str, str], set[str]] = defaultdict(set)
        """The image pull Secrets that the release's notebooks name, by user and server."""
        self._events: asyncio.Queue[AttemptRef] = asyncio.Queue(MOST_WAITING)

    @property
    def _watches(self) -> tuple[Informer, ...]:
        return self.jobs, self.pods, self.nodes, *(self.kueue.watches if self.kueue else ())

    def open(self) -> None:
        for watched in self._watches:
            watched.start()

    async def close(self) -> None:
        for watched in self._watches:
            await watched.stop()

    async def synced(self) -> None:
        """Wait until Jobs and pods have been listed once. Raises PlatformAway if that fails."""
        for watched in (self.jobs, self.pods):
            if not await watched.synced(SYNC_S):
                raise PlatformAway("the Kubernetes API does not answer")
            if watched.refused:
                raise PlatformAway(f"the service lacks permission to list jobs and pods in {self._settings.namespace}")

    async def events(self) -> AsyncIterator[AttemptRef]:
        """Attempts about which something changed."""
        while True:
            yield await self._events.get()

    # -- what is seen -------------------------------------------------------------------------------------------

    def ours(self, thing: Object) -> bool:
        return self.owner.made(thing) or (self.adopting and self.owner.may_adopt(thing))

    def job(self, ref: AttemptRef) -> Object | None:
        for name in (self.owner.object_name(ref), self.owner.unmarked_name(ref)):
            job = self.jobs.objects.get(name)
            if job is not None and self.ours(job):
                return job
        return None

    def pods_of(self, ref: AttemptRef) -> list[Object]:
        """Includes deleted pods, as last seen, while their Job exists."""
        return list(self._pods_of.get(ref, {}).values())

    def any_pod_left(self, ref: AttemptRef) -> bool:
        return any(self._attempt_of(pod) == ref for pod in self.pods.objects.values())

    def _attempt_of(self, pod: Object) -> AttemptRef | None:
        """The attempt of ours that a pod belongs to. The service may not change pods, so those of an adopted Job have
        no mark; their Job decides whose they are."""
        return ref_of(pod) if self.owner.made(pod) or self.owner.may_adopt(pod) else None

    def others_pull_with(self, secret: str) -> bool:
        """Whether a pod of another installation names that Secret."""
        pods = (pod for pod in self.pods.objects.values() if not self.owner.of_release(pod))
        return any(secret == one["name"] for pod in pods for one in pod["spec"].get("imagePullSecrets") or [])

    def release_notebooks(self) -> dict[tuple[str, str], str]:
        """The names of the pods of the release's notebooks, by user and server."""
        pods = self.pods.objects.values()
        found = ((notebook_of(pod), pod) for pod in pods if self.owner.of_release(pod))
        return {who: str(pod["metadata"]["name"]) for who, pod in found if who is not None}

    def place(self, name: str) -> int | None:
        """The queue position of an attempt or a notebook's pod; None: it does not wait for a machine."""
        if self._places is None:
            self._places = queue.places(queue.queue(self._waiting.values()))
        return self._places.get(name)

    def read_nodes(self) -> list[Node]:
        """Nodes with what their pods use; empty without permission to list them."""
        return read_nodes(self.nodes.objects.values(), self.pods.objects.values())

    def empty_nodes(self) -> list[Node]:
        """Nodes as if nothing ran on them. Called for every waiting pod, so it does not go through the pods."""
        if self._empty_nodes is None:
            self._empty_nodes = read_nodes(self.nodes.objects.values(), ())
        return self._empty_nodes

    # -- what the watches say -----------------------------------------------------------------------------------

    def _job_changed(self, old: Object | None, new: Object | None) -> None:
        job = new or old or {}
        ref = ref_of(job)
        if ref is not None and self.ours(job):
            if new is None:
                for pod in self._pods_of.pop(ref, {}).values():
                    self.trouble_since.pop(pod["metadata"]["uid"], None)
            self._tell(ref)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        pod = new or old
        assert pod is not None
        if old is not None and old["metadata"]["uid"] != pod["metadata"]["uid"]:
            # Another object with the same name, created between two lists.
            self._keep_waiting(old["metadata"]["uid"], None)
        self._keep_waiting(pod["metadata"]["uid"], queue.waiting(new) if new is not None else None)
        if (who := notebook_of(pod)) is not None and self.owner.of_release(pod):
            self.pulling[who].update(one["name"] for one in pod["spec"].get("imagePullSecrets") or [])
        ref = self._attempt_of(pod)
        if ref is None:
            return
        uid = pod["metadata"]["uid"]
        if new is not None or self.job(ref) is not None:
            self._pods_of[ref][uid] = pod
        elif ref in self._pods_of:
            self._pods_of[ref].pop(uid, None)
            if not self._pods_of[ref]:
                del self._pods_of[ref]
        if new is not None and pod_status.in_trouble(new):
            if uid not in self.trouble_since:
                self.trouble_since[uid] = time.time()
                asyncio.get_running_loop().call_later(pod_status.BROKEN_PATIENCE_S + 1, self._tell, ref)
        else:
            self.trouble_since.pop(uid, None)
        self._tell(ref)

    def _keep_waiting(self, uid: str, waiting: QueueEntry | None) -> None:
        if self._waiting.get(uid) != waiting:
            self._places = None
            if waiting is None:
                del self._waiting[uid]
            else:
                self._waiting[uid] = waiting

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        """Capacity is computed on request; only a change of a node's readiness is announced at once."""
        self._empty_nodes = None
        if old is None or new is None or is_ready(old) == is_ready(new):
            return
        name = new["metadata"]["name"]
        for ref, pods in self._pods_of.items():
            if any(pod["spec"].get("nodeName") == name for pod in pods.values()):
                self._tell(ref)

    def _place_changed(self, job: str) -> None:
        ref = ref_of(self.jobs.objects.get(job) or {})
        if ref is not None:
            self._tell(ref)

    def _tell(self, ref: AttemptRef) -> None:
        self.signals.send(self._name(ref))
        if not self._events.full():
            self._events.put_nowait(ref)

    def _name(self, ref: AttemptRef) -> str:
        """The topic of an attempt, whatever its Job's name."""
        return self.owner.object_name(ref)
