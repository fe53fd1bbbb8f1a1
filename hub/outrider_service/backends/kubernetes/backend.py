"""The Kubernetes platform's backend: from an attempt to a Job, and from watched Jobs and pods to an observation."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from outrider_sandbox import remove_tree

from ...capacity.room import Held
from ...catalog import Contents, ImageEntry, MachineType
from ...storage.directories import Directories
from ...user_threads import UserThreads
from ..attempt_parts import check_inputs, check_nodes
from ..base import (
    NO_INSTALLATION,
    Address,
    Attempt,
    AttemptRef,
    BackendError,
    Capacity,
    Found,
    Installation,
    NotebookPlace,
    NotebookWait,
    Observation,
    Phase,
    PlatformAway,
    RawLog,
)
from . import manifests, pod_status, queue, runner_install
from .adoption import adopt
from .api import KubernetesApi, KubernetesError, Object
from .cluster_cache import ClusterCache
from .kueue import LocalQueue
from .log_poller import LogPoller
from .logs import read_piece
from .names import SCALES_ANNOTATION, index_of, notebook_of, ref_of
from .nodes import Demand, capacity, is_ready, never_fits
from .notebook import notebook_pod, notebook_pulling
from .objects import Objects
from .owner import unmarked_notebook_secret_name
from .quota import least
from .settings import KubernetesSettings

WORKERS: Final = 8
LOOK_S: Final = 60.0
"""How often a log is read even without a sign that it has grown."""
OVER: Final = (Phase.EXITED, Phase.LOST, Phase.ABSENT)


class KubernetesBackend:
    """Runs attempts as Jobs in one namespace. All state is in the Kubernetes API; nothing here needs to survive a
    restart."""

    most_nodes = 64

    def __init__(self, directories: Directories, settings: KubernetesSettings, api: KubernetesApi) -> None:
        self.directories = directories
        self.settings = settings
        self.api = api
        self._objects = Objects(api, settings.namespace)
        self.cache = ClusterCache(settings, api)
        self._log_poller = LogPoller(self.cache.signals.send)
        self._evicted: dict[AttemptRef, str] = {}
        """Why Kueue evicted the attempt. Lost at a restart; the attempt is then simply absent."""
        self._threads = UserThreads(WORKERS)
        """For work on the volume, shared fairly between jobs: the owner is not known here."""
        self._locks: defaultdict[AttemptRef, asyncio.Lock] = defaultdict(asyncio.Lock)

    @classmethod
    def connected(cls, directories: Directories, settings: KubernetesSettings) -> KubernetesBackend:
        """A backend with its own connection, as configured."""
        return cls(directories, settings, KubernetesApi(settings.kubeconfig))

    async def open(self, installation: Installation = NO_INSTALLATION) -> None:
        self.settings = self.settings.model_copy(update={"installation": installation.id})
        self.cache.owner, self.cache.adopting = self.settings.owner, not installation.adopted
        await self._connect()

    async def _connect(self) -> None:
        await self.api.open()
        self.cache.open()

    async def close(self) -> None:
        self._threads.close()
        await self.cache.close()
        await self.api.close()

    @property
    def cluster(self) -> str:
        return self.settings.cluster

    @property
    def room(self) -> None:
        """None: the cluster's scheduler, or Kueue, is the queue."""
        return None

    @property
    def requests(self) -> int:
        return self.api.calls

    async def events(self) -> AsyncIterator[AttemptRef]:
        await self._connect()
        async for ref in self.cache.events():
            yield ref

    # -- names --------------------------------------------------------------------------------------------------

    def _name(self, ref: AttemptRef) -> str:
        """The name of its objects: that of the existing Job, or else the one to create."""
        job = self.cache.job(ref)
        return self.cache.owner.object_name(ref) if job is None else str(job["metadata"]["name"])

    def _run(self, ref: AttemptRef) -> Path:
        return self.directories.sandbox(ref.job_id, ref.number)

    async def known(self) -> list[AttemptRef]:
        await self._synced()
        jobs = self.cache.jobs.objects.values()
        found = {ref for job in jobs if self.cache.ours(job) and (ref := ref_of(job)) is not None}
        # After an interrupted removal there may be a Secret without a Job; the directory goes last.
        found.update(AttemptRef(*attempt) for attempt in await asyncio.to_thread(self.directories.sandboxes))
        return list(found)

    async def found(self) -> list[Found]:
        await self._synced()
        cache = self.cache
        jobs = [job for job in cache.jobs.objects.values() if cache.owner.of_release(job)]
        held = [Found(f"job/{job['metadata']['name']}", cache.ours(job), attempt=ref_of(job)) for job in jobs]
        notebooks = cache.release_notebooks().items()
        return [*held, *(Found(f"pod/{name}", True, notebook=who) for who, name in notebooks)]

    async def adopt(self, known: Collection[AttemptRef]) -> None:
        await self._synced()
        await adopt(self.cache, self.api, self._objects, known, lambda ref: self._run(ref).exists())
        self.cache.adopting = False

    async def _synced(self) -> None:
        await self._connect()
        await self.cache.synced()

    def refusal(self, owner: str) -> str | None:
        return None

    async def contents(self, image: ImageEntry) -> Contents | None:
        return None

    @property
    def notes(self) -> list[str]:
        return []

    async def health(self) -> str:
        try:
            await self._synced()
            await self.api.get("/version")
        except KubernetesError as error:
            return str(error)
        except PlatformAway as error:
            return str(error)
        return "ok" if not self.cache.nodes.refused else "ok (no permission to list nodes: free capacity is unknown)"

    # -- starting -----------------------------------------------------------------------------------------------

    async def start(self, attempt: Attempt) -> None:
        check_nodes(attempt, self.most_nodes)
        async with self._locks[attempt.ref]:
            await self._synced()
            try:
                await self._start(attempt)
            except KubernetesError as error:
                if error.status == 0 or error.status >= 500 or error.status == 429:
                    raise PlatformAway(str(error)) from error
                raise BackendError(f"Kubernetes refused the job: {error}") from error
        self._locks.pop(attempt.ref, None)

    async def _start(self, attempt: Attempt) -> None:
        name = self._name(attempt.ref)
        job = self.cache.job(attempt.ref)
        if job is None:
            # The cache may be stale, and the workspace of a running attempt must not be emptied.
            with contextlib.suppress(KubernetesError):
                job = await self.api.get(f"{self._objects.jobs}/{name}")
        if job is None:
            await self._threads.run_on(attempt.owner, self._make_directories, attempt)
            await self._objects.create_once(self._objects.secrets, manifests.secret(attempt, self.settings))
            if (pulling := manifests.pulling(attempt, self.settings)) is not None:
                # Replaced: an interrupted start may have left one with outdated credentials.
                await self._objects.create_secret_anew(pulling)
            if attempt.nodes > 1:
                await self._objects.create_once(self._objects.services, manifests.service(attempt, self.settings))
                await self._objects.create_once(self._objects.policies, manifests.network(attempt, self.settings))
            try:
                runner = await asyncio.to_thread(runner_install.install, self.directories.home, self.settings.uid)
                wanted = manifests.job(attempt, self.settings, self.directories, runner)
                job = await self.api.create(self._objects.jobs, wanted)
            except KubernetesError as error:
                if error.status != 409:
                    raise
                job = await self.api.get(f"{self._objects.jobs}/{name}")
        if job["metadata"].get("deletionTimestamp"):
            raise PlatformAway(f"{name} is still being deleted")
        self.cache.jobs.put(job)

    def _make_directories(self, attempt: Attempt) -> None:
        """Create everything that pods mount, with the right owner: the kubelet would create missing directories as
        root."""
        own, ref = self.directories, attempt.ref
        check_inputs(attempt, own)
        workspace = own.workspace(ref.job_id)
        remove_tree(workspace)
        made = [workspace, own.artifacts(ref.job_id), self._run(ref) / "log"]
        if attempt.nodes > 1:
            made += [workspace / str(node) for node in range(attempt.nodes)]
        for path in made:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        made += own.make_storage(attempt.owner, attempt.groups)
        if attempt.snapshot is not None:
            made.append(own.snapshot(attempt.snapshot))
        if os.geteuid() == 0:
            # Only if the service runs as root, outside the chart; in the chart both have the same uid.
            for path in [*made, own.datasets]:
                os.chown(path, self.settings.uid, self.settings.uid, follow_symlinks=False)

    # -- what runs ----------------------------------------------------------------------------------------------

    async def observe(self, ref: AttemptRef) -> Observation:
        await self._synced()
        job = self.cache.job(ref)
        pods = self.cache.pods_of(ref)
        if job is not None and self.cache.kueue is not None and pod_status.suspended(job):
            return await self._queued(self.cache.kueue, ref, pods)
        if ref in self._evicted:
            return self._pushed_out(ref)
        seen = pod_status.observation(job, pods, self.cache.trouble_since, time.time())
        if seen.phase is Phase.RUNNING:
            return self._with_node(seen)
        if seen.phase is not Phase.STARTING:
            return seen
        assert job is not None
        waiting = next((pod for pod in pods if pod_status.unscheduled(pod)), None)
        if waiting is None:
            return seen
        annotations = job["metadata"].get("annotations") or {}
        waits = self._waits(waiting, scales=annotations.get(SCALES_ANNOTATION) == "true")
        if waits.hopeless:
            return Observation(Phase.LOST, reason="unschedulable", message=waits.message)
        return Observation(Phase.STARTING, message=waits.message)

    def _waits(self, pod: Object, *, scales: bool) -> NotebookWait:
        """What an unscheduled pod waits for. ``scales``: an autoscaler adds nodes for it."""
        if not scales and (never := never_fits(Demand.of_pod(pod["spec"]), self.cache.empty_nodes())) is not None:
            return NotebookWait(never, hopeless=True)
        number = self.cache.place(queue.owner_of(pod))
        return NotebookWait(queue.sentence(queue.devices_of(pod["spec"]), number))

    async def _queued(self, kueue: LocalQueue, ref: AttemptRef, pods: list[Object]) -> Observation:
        """A suspended Job waits to be admitted, unless it was admitted before and has been evicted."""
        name = self._name(ref)
        why = kueue.eviction(name)
        if why is None and not any(pod_status.started_at(pod) for pod in pods):
            never = kueue.never(name)
            phase, reason = (Phase.STARTING, None) if never is None else (Phase.LOST, "unschedulable")
            return Observation(phase, reason=reason, message=never or kueue.message(name))
        # Kueue would admit it again, but whether it runs again, as another attempt, is for the service to decide.
        self._evicted[ref] = why or "Kueue gave its machine to another job"
        await self.api.delete(f"{self._objects.jobs}/{name}", propagationPolicy="Background")
        return self._pushed_out(ref)

    def _pushed_out(self, ref: AttemptRef) -> Observation:
        """Over only when the last of its pods is gone: until then their processes may still write to the volume."""
        if self.cache.any_pod_left(ref):
            return Observation(Phase.STARTING, message=f"The job is being stopped: {self._evicted[ref]}")
        return Observation(Phase.LOST, reason="preempted", message=self._evicted[ref])

    def _with_node(self, seen: Observation) -> Observation:
        """Adds a message if the node is not ready. Whether its pods are given up is for the cluster to decide, which
        does not while all its nodes are silent."""
        node = self.cache.nodes.objects.get(seen.node or "")
        if node is None or is_ready(node):
            return seen
        return replace(seen, message=f"The machine {seen.node} does not answer. The job may still be running there.")

    def position(self, ref: AttemptRef) -> int | None:
        """The position in Kueue's queue, if there is one; else among everything that waits for a machine, notebooks
        included, in the scheduler's order."""
        number = None if self.cache.kueue is None else self.cache.kueue.place(self._name(ref))
        return number or self.cache.place(f"{ref.job_id}-{ref.number}")

    async def stop(self, ref: AttemptRef, grace_s: float) -> None:
        await self._synced()
        job = self.cache.job(ref)
        if job is None or pod_status.finished(job) is not None:
            return
        name = self._name(ref)
        if job["spec"].get("suspend"):
            await self.api.delete(f"{self._objects.jobs}/{name}", propagationPolicy="Background")
            return
        if job["spec"].get("activeDeadlineSeconds") is None:
            # No further pods are created, and later observers recognize the end as a stop.
            with contextlib.suppress(KubernetesError):
                self.cache.jobs.put(
                    await self.api.patch(f"{self._objects.jobs}/{name}", {"spec": {"activeDeadlineSeconds": 1}})
                )
        for pod in self.cache.pods_of(ref):
            if pod["metadata"]["name"] in self.cache.pods.objects:
                # With zero the API would not wait for the kubelet.
                options = {"gracePeriodSeconds": max(1, round(grace_s))}
                await self.api.delete(f"{self._objects.pods}/{pod['metadata']['name']}", options)

    async def remove(self, ref: AttemptRef) -> None:
        await self._synced()
        run = self._run(ref)
        # Read it now: once it is deleted, nothing tells which objects were created beside it.
        job = self.cache.job(ref)
        if job is None and not run.exists():
            return
        if (await self.observe(ref)).phase not in OVER:
            return
        name = self._name(ref)
        await self.api.delete(f"{self._objects.jobs}/{name}", propagationPolicy="Background")
        await self._objects.remove_beside(
            name,
            pulls=job is None or manifests.has_pull_secret(job),
            several=job is None or int(job["spec"].get("completions") or 1) > 1,
        )
        self._evicted.pop(ref, None)
        await self._threads.run_on(ref.job_id, remove_tree, run)

    async def follow_logs(self, ref: AttemptRef, node: int, cursor: str | None) -> AsyncIterator[RawLog]:
        folder, name = self._run(ref) / "log", self.cache.owner.object_name(ref)
        with self._log_poller.followed(folder, node, name):
            while True:
                seen = self.cache.signals.value(name)
                # Read the state first, so that everything written before the end is seen.
                over = (await self.observe(ref)).phase in OVER
                while (
                    piece := await self._threads.run_on(ref.job_id, read_piece, folder, node, cursor, final=over)
                ) is not None:
                    cursor = piece.cursor
                    yield piece
                if over:
                    return
                await self.cache.signals.wait(name, seen, LOOK_S)

    async def endpoint(self, ref: AttemptRef, port: int) -> Address:
        for pod in self.cache.pods_of(ref):
            address = pod.get("status", {}).get("podIP")
            ports = [p["containerPort"] for p in pod["spec"]["containers"][0].get("ports") or []]
            if index_of(pod) == 0 and address and port in ports:
                return Address(host=address, port=manifests.relay_port(ports, port))
        raise BackendError("the job has no address yet")

    async def notebook(self, place: NotebookPlace) -> dict[str, Any] | None:
        for source, _, read_only in place.mounts:
            if os.geteuid() == 0 and not read_only:
                os.chown(source, self.settings.uid, self.settings.uid, follow_symlinks=False)
        if (pulling := notebook_pulling(place, self.settings)) is not None:
            try:
                await self._objects.create_secret_anew(pulling)
            except KubernetesError as error:
                raise PlatformAway(f"the credentials for the image's registry could not be stored: {error}") from error
        runner = None
        if place.clones:
            runner = await asyncio.to_thread(runner_install.install, self.directories.home, self.settings.uid)
        return notebook_pod(place, self.directories.home, self.settings, runner)

    async def notebook_waits(self, user: str, server: str, machine: MachineType) -> NotebookWait | None:
        await self._synced()
        for pod in self.cache.pods.objects.values():
            mine = self.cache.owner.of_release(pod) and notebook_of(pod) == (user, server)
            if mine and pod_status.unscheduled(pod):
                return self._waits(pod, scales=machine.kubernetes.scales_from_zero)
        return None

    async def forget_notebook(self, lease: str) -> None:
        _, user, server = lease.split("/", 2)
        names = {self.cache.owner.notebook_secret_name(lease)}
        # Secrets from before the mark have the same name in every installation: remove one only if a notebook of ours
        # used it and no other installation's does.
        unmarked = unmarked_notebook_secret_name(self.settings.prefix, lease)
        if unmarked in self.cache.pulling.pop((user, server), ()) and not self.cache.others_pull_with(unmarked):
            names.add(unmarked)
        for name in names:
            await self._objects.remove_secret(name)

    # -- capacity -----------------------------------------------------------------------------------------------

    async def capacity(self, machine: MachineType, held: Iterable[Held]) -> Capacity:
        await self._synced()
        demand = Demand.of_machine(machine)
        seen = not self.cache.nodes.refused and self.cache.nodes.objects
        found = capacity(demand, self.cache.read_nodes()) if seen else Capacity(None, None)
        return found if self.cache.kueue is None else least(found, self.cache.kueue.room(demand.amounts))
