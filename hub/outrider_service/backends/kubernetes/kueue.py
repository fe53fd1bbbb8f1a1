"""Kueue's queue for this platform, kept current by watches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..base import Capacity
from . import quota
from .api import KubernetesApi, Object
from .informer import Informer

GROUP: Final = "/apis/kueue.x-k8s.io/v1beta1"


class LocalQueue:
    """A LocalQueue: which Jobs wait in it, and the quota of the ClusterQueue behind it. ``changed(job_name)``: the
    Job's position may have changed."""

    def __init__(self, api: KubernetesApi, namespace: str, name: str, changed: Callable[[str], None]) -> None:
        self.name = name
        self._changed = changed
        self._workload_of: dict[str, Object] = {}
        self._workloads = Informer(api, f"{GROUP}/namespaces/{namespace}/workloads", "", self._workload_changed)
        self._queues = Informer(api, f"{GROUP}/namespaces/{namespace}/localqueues", "", _nothing)
        self._cluster_queues = Informer(api, f"{GROUP}/clusterqueues", "", _nothing)

    @property
    def watches(self) -> tuple[Informer, ...]:
        return self._workloads, self._queues, self._cluster_queues

    def _workload_changed(self, old: Object | None, new: Object | None) -> None:
        job = quota.job_of(new or old or {"metadata": {}})
        if job is None:
            return
        if new is None:
            self._workload_of.pop(job, None)
        else:
            self._workload_of[job] = new
        self._changed(job)

    def place(self, job: str) -> int | None:
        """Its position in the queue, from 1; None: it does not wait."""
        waiting = quota.order(self._workload_of.values(), self.name)
        return waiting.index(job) + 1 if job in waiting else None

    def message(self, job: str) -> str:
        """What a suspended Job waits for, as a message for users."""
        workload = self._workload_of.get(job)
        if workload is None:
            if self._queues.objects and self.name not in self._queues.objects:
                return f"There is no queue {self.name} in this namespace."
            return f"Kueue has not added the job to the queue {self.name} yet."
        place = self.place(job) or 1
        ahead = f"; {place - 1} ahead" if place > 1 else ""
        why = quota.obstacle(workload)
        return f"Waiting in the queue {self.name}{ahead}{f': {why}' if why else '.'}"

    def never(self, job: str) -> str | None:
        """Why it would wait forever, or None."""
        workload = self._workload_of.get(job)
        return None if workload is None else quota.never(workload)

    def eviction(self, job: str) -> str | None:
        return quota.eviction(self._workload_of.get(job))

    def room(self, amounts: dict[str, float]) -> Capacity:
        """How many such pods fit into the quota; unknown without permission to read it."""
        local = self._queues.objects.get(self.name) or {"spec": {}}
        behind = self._cluster_queues.objects.get(local["spec"].get("clusterQueue") or "")
        return Capacity(None, None) if behind is None else quota.room(behind, amounts)


def _nothing(old: Object | None, new: Object | None) -> None:
    """The ClusterQueue, which is requested only when needed."""
