"""Notebook servers on this machine: JupyterLab in the same kind of sandbox as jobs.

A sandbox's supervisor survives the Hub; its directory is enough to find it again. Writes below ``home``/run/notebooks;
talks to the service and to the server that it starts.
"""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import time
from pathlib import Path
from typing import Any

from jupyterhub.spawner import Spawner
from jupyterhub.utils import random_port, url_path_join
from tornado.httpclient import AsyncHTTPClient
from traitlets import Float, Instance, List, Unicode

import outrider_sandbox as sandbox
from outrider_service.contracts.local import device_nodes, mounts_for, runner_directory
from outrider_service.contracts.spawning import SpawnSpec

from . import plan
from .catalog import OutriderSpawnerMixin, StartRefused
from .service_client import Times

LOOK_S = 0.2
STOP_MARGIN_S = 15.0
ALIVE = ("starting", "running")
LOG_TAIL = 2000
START_OUTPUT = 200_000


@functools.cache
def capabilities(uids: str, home: str) -> sandbox.Capabilities:
    """This machine's capabilities; detected once, since that starts processes."""
    return sandbox.usable(sandbox.uid_range(uids), Path(home))


class LocalSpawner(OutriderSpawnerMixin, Spawner):
    """Starts ``jupyterhub-singleuser`` in a sandbox of its own."""

    home = Unicode(help="The state directory (OUTRIDER_HOME).").tag(config=True)
    hub_address = Unicode(help="host:port of the Hub's public address on this machine.").tag(config=True)
    closed_networks = List(Unicode(), help="IPv4 networks that servers cannot reach.").tag(config=True)
    web = Instance(sandbox.Web, (), help="What servers with only web access may reach, and through which proxy.").tag(
        config=True
    )
    uids = Unicode("none", help="The uids that users get where root runs the Hub: first-last, or none.").tag(
        config=True
    )
    lab_extension = Unicode(
        help="The directory of Outrider's JupyterLab extension, which is mounted, not installed; empty: none."
    ).tag(config=True)
    grace_s = Float(10, help="Seconds from SIGTERM to SIGKILL when a server is stopped.").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        self._ours = False
        self._host_port = 0
        super().__init__(**kwargs)

    @property
    def directory(self) -> Path:
        return Path(self.home) / "run" / "notebooks" / plan.directory_name(self.user.name, self.name)

    @property
    def saved_log(self) -> Path:
        """The last server's output, kept for the admin after the sandbox is gone."""
        return Path(self.home) / "log" / f"notebook-{self.directory.name}.log"

    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()
        if self._ours:
            state["sandbox"] = {"port": self._host_port}
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        if found := state.get("sandbox"):
            self._ours = True
            self._host_port = int(found["port"])
            self.ip, self.port = "127.0.0.1", self._host_port

    def clear_state(self) -> None:
        super().clear_state()
        self._ours = False
        self._host_port = 0

    def get_env(self) -> dict[str, str]:
        env: dict[str, str] = super().get_env()
        env["OUTRIDER_URL"] = self.hub_connect_url
        return env

    async def start(self) -> str:
        spec = await self.claim()
        self.step(30, f"Starting a sandbox on {spec.machine}")
        found = await asyncio.to_thread(capabilities, self.uids, self.home)
        uid = await asyncio.to_thread(self._uid) if found.uids else None
        await self._remove_leftover()
        self._choose_addresses(found.isolation)
        self._ours = True
        directory = self.directory
        await asyncio.to_thread(directory.mkdir, 0o700, parents=True, exist_ok=True)
        devices = await asyncio.to_thread(device_nodes, spec.gpus)
        await asyncio.to_thread(sandbox.launch, str(directory), self._plan(spec, found, devices, uid))
        if spec.repository is not None:
            self.step(45, f"Cloning {spec.repository.url}")
        self.step(60, "Waiting for JupyterLab")
        await self._wait_until_it_answers()
        if spec.repository is not None:
            self.told_of_repository(plan.clone_said(await asyncio.to_thread(self._output, START_OUTPUT)))
        await self.report_started()
        self.step(90, "JupyterLab is up")
        return f"http://127.0.0.1:{self._host_port}"

    def _choose_addresses(self, isolation: str) -> None:
        """The same port inside and outside: the network namespace is the server's own."""
        self._host_port = random_port()
        self.ip, self.port = "127.0.0.1", self._host_port
        self.hub_connect_url = plan.hub_url(isolation, self.hub_address)

    def _uid(self) -> int:
        """The one that the same user's jobs have."""
        allowed = sandbox.uid_range(self.uids)
        assert allowed is not None
        return sandbox.UserIds(Path(self.home) / "uids.json", allowed).of(self.user.name)

    def _plan(
        self, spec: SpawnSpec, found: sandbox.Capabilities, gpu_devices: list[str], uid: int | None
    ) -> sandbox.Spec:
        command = [*self.cmd, *self.get_args()]
        if found.isolation == "plain" and os.geteuid() == 0:
            command.append("--allow-root")
        server = plan.Server(
            user=self.user.name,
            name=self.name,
            command=command,
            environment=self.get_env(),
            port=self._host_port,
            hub_address=self.hub_address,
            gpu_devices=gpu_devices,
            environment_mounts=mounts_for(plan.python_prefix(spec.environment)),
            lab_extension=self.lab_extension if Path(self.lab_extension).is_dir() else "",
            runner=str(runner_directory()),
            network=found.network,
            memory_limit=found.memory_limit,
            uid=uid,
            disable_userns=found.disable_userns,
            web=self.web,
            closed_networks=list(self.closed_networks),
            grace_s=self.grace_s,
        )
        return plan.sandbox(server, spec, found.isolation)

    async def _remove_leftover(self) -> None:
        """End a sandbox that a killed Hub started but did not record: it must not run beside ours."""
        await self._end(0)
        await self.clean_up()

    async def _wait_until_it_answers(self) -> None:
        """Wait until the server answers. Raises StartRefused with its last output if it ends instead."""
        address = f"http://127.0.0.1:{self._host_port}"
        url = url_path_join(address, self.server.base_url, "api")
        deadline = time.monotonic() + self.start_timeout - 2
        client = AsyncHTTPClient()
        while time.monotonic() < deadline:
            state = await asyncio.to_thread(sandbox.state, str(self.directory))
            if state.phase not in ALIVE:
                raise StartRefused(self._why_it_ended(state), reason="server", status=500)
            try:
                await client.fetch(url, connect_timeout=2, request_timeout=5)
                return
            except Exception:
                # Refused, reset, incomplete: in any case the server is not up yet.
                await asyncio.sleep(LOOK_S)
        raise StartRefused(
            "JupyterLab did not answer in time. Its last output: " + self._last_output(),
            reason="timeout",
            status=504,
        )

    def _why_it_ended(self, state: sandbox.State) -> str:
        if state.reason == "out_of_memory":
            return "JupyterLab ran out of memory while it started. Choose a larger machine."
        said = state.message or f"exit code {state.exit_code}"
        return f"JupyterLab ended while it started ({said}). Its last output: {self._last_output()}"

    def _output(self, most: int) -> str:
        """The end of the server's output, without times; empty if there is none."""
        try:
            with (self.directory / "log").open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - most))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(line.partition(" ")[2] for line in text.splitlines())

    def _last_output(self) -> str:
        return "\n".join(self._output(LOG_TAIL).splitlines()[-8:]) or "(none)"

    async def poll(self) -> int | None:
        state = await asyncio.to_thread(sandbox.state, str(self.directory))
        if state.phase in ALIVE:
            if self._ours:
                return None
            # Started by a Hub that was killed before it could record it: its token is lost.
            await self._end(0)
            return 1
        return state.exit_code if state.exit_code is not None else 1

    async def stop(self, now: bool = False) -> None:
        await self._end(0 if now else self.grace_s)

    async def _end(self, grace_s: float) -> None:
        """End the sandbox and wait for that."""
        directory = str(self.directory)
        if (await asyncio.to_thread(sandbox.state, directory)).phase not in ALIVE:
            return
        await asyncio.to_thread(sandbox.request_stop, directory, grace_s)
        deadline = time.monotonic() + grace_s + STOP_MARGIN_S
        while (await asyncio.to_thread(sandbox.state, directory)).phase in ALIVE:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the sandbox {directory} does not end")
            await asyncio.sleep(LOOK_S)

    async def times(self) -> Times:
        state = await asyncio.to_thread(sandbox.state, str(self.directory))
        return state.started_at, state.finished_at

    async def clean_up(self) -> None:
        await asyncio.to_thread(self._clean_up)

    def _clean_up(self) -> None:
        directory = self.directory
        if not directory.exists() or sandbox.state(str(directory)).phase in ALIVE:
            return
        if (directory / "log").exists():
            try:
                shutil.copyfile(directory / "log", self.saved_log)
            except OSError as error:
                self.log.warning("The log of %s could not be kept: %s", self._log_name, error)
        sandbox.remove(str(directory))
