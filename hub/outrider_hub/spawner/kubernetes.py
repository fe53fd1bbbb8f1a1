"""Notebook servers as pods: KubeSpawner, with the service's decisions.

The service decides the image, the volume's directories and the machine; KubeSpawner creates and watches the pod. A pod
that can never start is given up as soon as that is certain, with the reason as a message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from kubespawner import KubeSpawner
from traitlets import Float, Unicode

from outrider_service.contracts.spawning import PodParts, SpawnSpec, SpawnWait

from .catalog import OutriderSpawnerMixin, StartRefused
from .plan import clone_order
from .pod_state import clone_said, hopeless, is_unscheduled, told, with_order
from .service_client import ServiceClient, ServiceProblem

LOOK_S = 0.5
ASK_S = 2.0
AGAIN_S = 5.0
CLONE_S = 600
"""How long cloning a repository may take, which adds to the start timeout."""


class KubernetesSpawner(OutriderSpawnerMixin, KubeSpawner):
    """Starts ``jupyterhub-singleuser`` in a pod under the restricted Pod Security Standard."""

    inside_url = Unicode(help="The Hub's and the service's URL for programs in a notebook.").tag(config=True)
    pull_patience_s = Float(120, help="Seconds that pulling an image may fail with errors that may be temporary.").tag(
        config=True
    )

    async def start(self) -> Any:
        spec = await self.claim()
        if spec.pod is None:
            raise StartRefused(f"{spec.machine} is not on Kubernetes.", reason="misconfigured", status=500)
        self._apply(spec, spec.pod)
        if spec.repository is not None:
            self.init_containers = with_order(spec.pod.init_containers, clone_order(spec.repository, CLONE_S))
        self.step(20, f"Starting a pod on {spec.machine}")
        watching = asyncio.create_task(self._watch())
        starting = asyncio.ensure_future(super().start())
        try:
            await asyncio.wait({watching, starting}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                sentence = watching.result()
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
                await self.stop(now=True)
                raise StartRefused(sentence, reason="cannot start")
            address = await starting
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        if spec.repository is not None and (pod := self._pod()) is not None:
            self.told_of_repository(clone_said(pod))
        self.step(90, "Waiting for JupyterLab")
        return address

    def _apply(self, spec: SpawnSpec, pod: PodParts) -> None:
        self.image = pod.image
        self.image_pull_policy = pod.pull_policy
        self.namespace = pod.namespace
        self.uid = self.gid = self.fs_gid = pod.uid
        # An image's entry point may be anything; ours detects what the image has.
        self.extra_container_config = {"command": pod.command}
        self.cmd = ["jupyterhub-singleuser"]
        self.volumes, self.volume_mounts = pod.volumes, pod.volume_mounts
        self.init_containers = pod.init_containers
        self.mem_limit = self.mem_guarantee = f"{spec.memory_mb}M"
        self.cpu_guarantee = spec.cpu
        self.extra_resource_limits = self.extra_resource_guarantees = pod.resources
        self.node_selector, self.tolerations = pod.node_selector, pod.tolerations
        self.image_pull_secrets = pod.pull_secrets
        self.working_dir = spec.home
        self.notebook_dir = spec.home
        self.environment: dict[str, str] = {
            **self.environment,
            **pod.env,
            **spec.env,
            "HOME": spec.home,
        }
        self.automount_service_account_token = False
        self.allow_privilege_escalation = False
        self.pod_security_context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        self.container_security_context = {"capabilities": {"drop": ["ALL"]}}

    def get_env(self) -> dict[str, str]:
        env: dict[str, str] = super().get_env()
        if self.inside_url:
            env["OUTRIDER_URL"] = self.inside_url
        return env

    def _pod(self) -> dict[str, Any] | None:
        reflector = self.pod_reflector
        found: dict[str, Any] | None = reflector.pods.get(f"{self.namespace}/{self.pod_name}") if reflector else None
        return found

    async def _watch(self) -> str:
        """Show progress on the waiting page; returns a message once the pod can never start."""
        said, since, again_at = "", time.monotonic(), 0.0
        asked_at, waits = 0.0, SpawnWait(message=None)
        while True:
            await asyncio.sleep(LOOK_S)
            pod = self._pod()
            if pod is None:
                continue
            time_ = time.monotonic()
            if is_unscheduled(pod) and time_ - asked_at > ASK_S:
                asked_at, waits = time_, await self._waits()
            sentence = hopeless(pod, time_ - since, self.pull_patience_s)
            if sentence is None and waits.hopeless:
                sentence = f"No machine could ever run this server: {waits.message}."
            if sentence is not None:
                self.step(None, sentence)
                return sentence
            text = (is_unscheduled(pod) and waits.message) or told(pod)
            if text != said:
                said, since, again_at = text, time_, time_ + AGAIN_S
                self.step(40, text)
            elif time_ >= again_at:
                # Show that it is still going, less often the longer it takes.
                again_at = time_ + max(AGAIN_S, (time_ - since) / 5)
                self.step(40, f"{text.rstrip('.')} ({time_ - since:.0f} s).")

    async def _waits(self) -> SpawnWait:
        """What the pod waits for. The service knows the whole queue; if it does not answer, the pod's own status is
        used."""
        try:
            return await ServiceClient(self.service_url, self.service_token, 0.0).waits(self.user.name, self.name)
        except ServiceProblem as problem:
            self.log.warning("What %s waits for is unknown: %s", self._log_name, problem.message)
            return SpawnWait(message=None)

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        async for event in OutriderSpawnerMixin.progress(self):
            yield event
