"""The local platform's backend: from an attempt to a sandbox, and from a sandbox's state to an observation."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import outrider_sandbox as sandbox
from outrider_sandbox import Mount, Spec

from ...capacity.room import Held, Room
from ...catalog import Contents, ImageEntry, MachineType
from ...schema.jobs import PLATFORM_PORT
from ...storage.directories import Directories, attempt_of
from ...user_threads import UserThreads
from ..attempt_parts import check_inputs, check_nodes, directory_variables
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
    RawLog,
)
from ..run_file import INSIDE, SNAPSHOT, run_file
from ..runner_files import pynvml_file, runner_directory
from . import environments
from .contents import ContentsOfEnvironments
from .machine import device_nodes
from .tail import EndWatch, read_piece
from .wake import Wakes

log = logging.getLogger(__name__)

HOME: Final = "/home/outrider"
WORKERS: Final = 8
"""Threads that start attempts and clean up after them, shared fairly between users."""
TAIL_S: Final = 5.0
"""How often a follower checks the log even without a wake-up from the supervisor."""

REASONS: Final = {"out_of_memory": "out_of_memory", "node_lost": "node_lost", "error": "platform_error"}


class LocalBackend:
    """Runs attempts as sandboxes below ``run/jobs``. All their state is in their directories."""

    cluster = "default"
    most_nodes = 1
    requests = 0

    def __init__(
        self,
        directories: Directories,
        hub_address: str | None,
        isolation: str | None = None,
        room: Room | None = None,
        closed_networks: Sequence[str] = sandbox.CLOSED_NETWORKS,
        web: sandbox.Web | None = None,
        uids: str = sandbox.UIDS,
    ) -> None:
        """``hub_address``: host:port that sandboxes may reach on the loopback. ``isolation``: None to detect it."""
        self.directories = directories
        self.hub_address = hub_address
        self.room = room
        self.closed_networks = list(closed_networks)
        self.web = web or sandbox.Web()
        allowed = sandbox.uid_range(uids)
        self.capabilities = sandbox.usable(allowed, directories.run)
        self._uids = sandbox.UserIds(directories.uids, allowed) if allowed and self.capabilities.uids else None
        self.isolation: Any = isolation or self.capabilities.isolation
        for note in self.capabilities.notes:
            log.warning("%s", note)
        self.wakes = Wakes(directories.run)
        self._contents = ContentsOfEnvironments()
        self._threads = UserThreads(WORKERS)
        self._starting: defaultdict[AttemptRef, asyncio.Lock] = defaultdict(asyncio.Lock)

    # -- names --------------------------------------------------------------------------------------------------

    def folder(self, ref: AttemptRef) -> Path:
        return self.directories.sandbox(ref.job_id, ref.number)

    async def known(self) -> list[AttemptRef]:
        return [AttemptRef(*attempt) for attempt in await asyncio.to_thread(self.directories.sandboxes)]

    async def found(self) -> list[Found]:
        return [Found(str(self.folder(ref)), True, attempt=ref) for ref in await self.known()]

    async def adopt(self, known: Collection[AttemptRef]) -> None:
        """Nothing to adopt: everything is in the state directory."""

    def refusal(self, owner: str) -> str | None:
        """Without sandboxes users are not isolated from each other, so only the first one may use the platform."""
        if self.isolation == "bubblewrap":
            return None
        marker = self.directories.run / "plain-owner"
        if not marker.exists():
            # Linking is atomic and succeeds only once.
            claim = marker.with_name(f"plain-owner.{os.getpid()}")
            claim.write_text(owner)
            with contextlib.suppress(FileExistsError):
                os.link(claim, marker)
            claim.unlink()
        first = marker.read_text()
        if first == owner:
            return None
        return f"This machine cannot run sandboxes, so only one user can use the platform: {first}. " + " ".join(
            self.capabilities.notes
        )

    @property
    def notes(self) -> list[str]:
        return self.capabilities.notes

    async def health(self) -> str:
        if self.isolation == "bubblewrap":
            return "ok"
        return "plain processes for one user: " + " ".join(self.capabilities.notes)

    # -- starting -----------------------------------------------------------------------------------------------

    async def start(self, attempt: Attempt) -> None:
        check_nodes(attempt, self.most_nodes)
        self.wakes.open()
        try:
            # One at a time: a second start would empty the workspace that the first has just filled.
            async with self._starting[attempt.ref]:
                await self._threads.run_on(attempt.owner, self._start, attempt)
        except (OSError, ValueError) as error:
            raise BackendError(f"the sandbox could not be started: {error}") from error
        finally:
            self._starting.pop(attempt.ref, None)

    def _start(self, attempt: Attempt) -> None:
        folder = self.folder(attempt.ref)
        if sandbox.state(folder).phase != "absent":
            return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        workspace = self.directories.workspace(attempt.ref.job_id)
        sandbox.remove_tree(workspace)
        for path in (workspace, self.directories.artifacts(attempt.ref.job_id)):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_inputs(attempt, self.directories)
        told = folder / "run.json"
        told.touch(mode=0o600)
        told.write_text(json.dumps(self._run_file(attempt)))
        sandbox.launch(folder, self._spec(attempt, folder))

    def _paths(self, attempt: Attempt) -> dict[str, str]:
        """The job's paths: the contract's in a sandbox, the host's without one."""
        if self.isolation == "bubblewrap":
            return {
                "workspace": "/workspace",
                "artifacts": "/artifacts",
                "storage": "/storage",
                "datasets": "/datasets",
                "run": f"{INSIDE}/run.json",
                "nvml": f"{INSIDE}/nvml",
                "home": HOME,
            }
        nvml = pynvml_file()
        return {
            "workspace": str(self.directories.workspace(attempt.ref.job_id)),
            "artifacts": str(self.directories.artifacts(attempt.ref.job_id)),
            "storage": str(self.directories.storage(attempt.owner)),
            "datasets": str(self.directories.datasets),
            "run": str(self.folder(attempt.ref) / "run.json"),
            "nvml": str(nvml.parent) if nvml else "",
            "home": str(self.directories.workspace(attempt.ref.job_id)),
        }

    def _run_file(self, attempt: Attempt) -> dict[str, Any]:
        paths, archive = self._paths(attempt), SNAPSHOT
        if self.isolation != "bubblewrap" and attempt.snapshot is not None:
            archive = str(self.directories.snapshot(attempt.snapshot))
        return run_file(
            attempt,
            workspace_dir=paths["workspace"],
            artifacts_dir=paths["artifacts"],
            archive=archive,
            nvml=paths["nvml"],
        )

    def _mounts(self, attempt: Attempt, folder: Path) -> list[Mount]:
        own = self.directories
        mounts = environments.mounts_for(attempt.environment)
        mounts += [
            Mount(str(own.workspace(attempt.ref.job_id)), "/workspace", read_only=False),
            Mount(str(own.artifacts(attempt.ref.job_id)), "/artifacts", read_only=False),
            Mount(str(own.datasets), "/datasets"),
            Mount(str(runner_directory()), f"{INSIDE}/outrider_runner"),
            Mount(str(folder / "run.json"), f"{INSIDE}/run.json"),
        ]
        storage = own.make_storage(attempt.owner, attempt.groups)
        mounts += [Mount(str(path), place, read_only=False) for path, place in storage.items()]
        mounts += [
            Mount(str(own.artifacts(job_id)), f"/inputs/{name}") for name, job_id in attempt.submission.inputs.items()
        ]
        if attempt.snapshot is not None:
            mounts.append(Mount(str(own.snapshot(attempt.snapshot)), SNAPSHOT))
        nvml = pynvml_file()
        if nvml is not None:
            mounts.append(Mount(str(nvml), f"{INSIDE}/nvml/{nvml.name}"))
        return mounts

    def _env(self, attempt: Attempt) -> dict[str, str]:
        paths = self._paths(attempt)
        prefix = environments.prefix_of(attempt.environment)
        env = {
            "PATH": f"{prefix}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": paths["home"],
            "LANG": "C.UTF-8",
            "VIRTUAL_ENV": str(prefix),
            **attempt.env,
            **attempt.secrets,
            **directory_variables(paths["artifacts"], paths["storage"], paths["datasets"]),
        }
        if self.hub_address is not None:
            host = f"127.0.0.1:{PLATFORM_PORT}" if self.isolation == "bubblewrap" else self.hub_address
            env.setdefault("OUTRIDER_URL", f"http://{host}")
        gpus = ",".join(attempt.gpus)
        env["CUDA_VISIBLE_DEVICES"] = env["NVIDIA_VISIBLE_DEVICES"] = gpus
        return env

    def _spec(self, attempt: Attempt, folder: Path) -> Spec:
        paths = self._paths(attempt)
        if self.isolation == "bubblewrap":
            package, where = "outrider_runner", INSIDE
        else:
            package, where = "outrider.runner", str(runner_directory().parent.parent)
        code = f"import sys; sys.path.insert(0, {where!r}); from {package}.__main__ import main; main()"
        return Spec(
            id=folder.name,
            argv=[
                str(environments.python_of(attempt.environment)),
                "-I",
                "-S",
                "-c",
                code,
                "--spec",
                paths["run"],
            ],
            env=self._env(attempt),
            cwd=paths["workspace"],
            isolation=self.isolation,
            mounts=self._mounts(attempt, folder) if self.isolation == "bubblewrap" else [],
            home=paths["home"],
            memory_bytes=attempt.machine.memory_mb * 2**20,
            max_processes=sandbox.processes_for(attempt.machine.cpu),
            cpu=attempt.machine.cpu,
            memory_limit=self.capabilities.memory_limit,
            uid=self._uids.of(attempt.owner) if self._uids and self.isolation == "bubblewrap" else None,
            disable_userns=self.capabilities.disable_userns,
            shm_bytes=attempt.shm_mb * 2**20,
            gpu_devices=device_nodes(attempt.gpus),
            ports=attempt.submission.ports,
            let_in={PLATFORM_PORT: self.hub_address} if self.hub_address else {},
            network=self.capabilities.network,
            web=self.web,
            closed_networks=self.closed_networks,
            grace_s=attempt.grace_s,
            notify=str(self.wakes.path),
        )

    # -- what runs ----------------------------------------------------------------------------------------------

    async def stop(self, ref: AttemptRef, grace_s: float) -> None:
        folder = self.folder(ref)
        if folder.is_dir():
            await asyncio.to_thread(sandbox.request_stop, folder, grace_s)

    async def observe(self, ref: AttemptRef) -> Observation:
        seen = sandbox.state(self.folder(ref))
        reason = REASONS.get(seen.reason or "")
        code = seen.exit_code
        if code is None and seen.signal is not None:
            code = 128 + seen.signal
        return Observation(
            Phase(seen.phase),
            exit_code=code,
            reason=reason,
            message=seen.message,
            started_at=seen.started_at,
            finished_at=seen.finished_at,
        )

    async def remove(self, ref: AttemptRef) -> None:
        folder = self.folder(ref)
        if folder.is_dir() and sandbox.state(folder).phase in ("absent", "exited", "lost"):
            await self._threads.run_on(ref.job_id, sandbox.remove, folder)

    async def follow_logs(self, ref: AttemptRef, node: int, cursor: str | None) -> AsyncIterator[RawLog]:
        self.wakes.open()
        folder = self.folder(ref)
        path = folder / "log"
        watch = EndWatch(folder)
        while True:
            seen = self.wakes.signals.value(folder.name)
            # Read the state first, so that everything written before the end is seen.
            over = watch.over()
            while (piece := read_piece(path, cursor, final=over)) is not None:
                cursor = piece.cursor
                yield piece
            if over:
                return
            await self.wakes.signals.wait(folder.name, seen, TAIL_S)

    async def events(self) -> AsyncIterator[AttemptRef]:
        self.wakes.open()
        async for name in self.wakes.states():
            if (attempt := attempt_of(name)) is not None:
                yield AttemptRef(*attempt)

    async def endpoint(self, ref: AttemptRef, port: int) -> Address:
        if self.isolation == "bubblewrap":
            return Address(unix=Path(sandbox.connect_path(self.folder(ref), port)))
        return Address(host="127.0.0.1", port=port)

    async def capacity(self, machine: MachineType, held: Iterable[Held]) -> Capacity:
        if self.room is None:
            return Capacity(None, None)
        return Capacity(self.room.less(()).count(machine), self.room.less(held).count(machine))

    async def notebook(self, place: NotebookPlace) -> dict[str, Any] | None:
        """None: a notebook needs only directories."""
        return None

    async def notebook_waits(self, user: str, server: str, machine: MachineType) -> NotebookWait | None:
        """None: a notebook with a lease has its machine."""
        return None

    async def forget_notebook(self, lease: str) -> None:
        """Nothing to forget: ``notebook`` creates nothing."""

    async def contents(self, image: ImageEntry) -> Contents | None:
        return await self._contents.of(image.environment)

    def position(self, ref: AttemptRef) -> int | None:
        """None: the service itself is the queue."""
        return None

    async def open(self, installation: Installation = NO_INSTALLATION) -> None:
        """The installation does not matter: the state directory belongs to only one."""
        self.wakes.open()

    async def close(self) -> None:
        self._threads.close()
        self.wakes.close()
