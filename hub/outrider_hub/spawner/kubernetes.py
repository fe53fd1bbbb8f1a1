"""Notebook servers as pods: KubeSpawner, told by the service what to start.

The service decides the image, the volume's directories and the machine; KubeSpawner makes the pod and watches it. A pod
that cannot start is given up as soon as that is certain, with the reason as a sentence.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from kubespawner import KubeSpawner
from traitlets import Float, Unicode

from outrider_service.schema.resources import PodParts, SpawnSpec

from .catalog import CatalogMixin, Refused
from .plan import clone_order
from .pod_state import clone_said, hopeless, told, with_order

LOOK_S = 0.5
CLONE_S = 600
"""How long a repository may take of a server's time to start."""


class KubernetesSpawner(CatalogMixin, KubeSpawner):
    """Starts ``jupyterhub-singleuser`` in a pod under the restricted Pod Security Standard."""

    public_hub_url = Unicode(help="Where programs in a notebook reach the Hub and the service.").tag(config=True)
    pull_patience_s = Float(120, help="Seconds that an image may fail to be pulled in ways that may pass.").tag(
        config=True
    )

    async def start(self) -> Any:
        spec = await self.claim()
        if spec.pod is None:
            raise Refused(f"{spec.machine} is not on Kubernetes.", reason="misconfigured", status=500)
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
                raise Refused(sentence, reason="cannot start")
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
        self.namespace = pod.namespace
        self.uid = self.gid = self.fs_gid = pod.uid
        # The entry of any image may be something else; ours finds out what the image has.
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
            "MEM_LIMIT": str(spec.memory_mb * 10**6),
        }
        self.automount_service_account_token = False
        self.allow_privilege_escalation = False
        self.pod_security_context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        self.container_security_context = {"capabilities": {"drop": ["ALL"]}}

    def get_env(self) -> dict[str, str]:
        env: dict[str, str] = super().get_env()
        if self.public_hub_url:
            env["OUTRIDER_URL"] = self.public_hub_url
        return env

    def _pod(self) -> dict[str, Any] | None:
        reflector = self.pod_reflector
        found: dict[str, Any] | None = reflector.pods.get(f"{self.namespace}/{self.pod_name}") if reflector else None
        return found

    async def _watch(self) -> str:
        """Tells the waiting page what happens; returns the sentence once the pod cannot start any more."""
        said, since = "", time.monotonic()
        while True:
            await asyncio.sleep(LOOK_S)
            with contextlib.suppress(AttributeError, KeyError):
                pod = self._pod()
                if pod is None:
                    continue
                if (sentence := hopeless(pod, time.monotonic() - since, self.pull_patience_s)) is not None:
                    self.step(None, sentence)
                    return sentence
                text = told(pod)
                if text != said:
                    said, since = text, time.monotonic()
                    self.step(40, text)

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        async for event in CatalogMixin.progress(self):
            yield event
