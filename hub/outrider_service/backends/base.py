"""What every platform offers, and the words it is told in. Nothing above this package knows a platform's own terms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from outrider_sandbox import CLOSED_NETWORKS, Web

from ..capacity.room import Held, Room
from ..catalog import Contents, ImageEntry, MachineType
from ..catalog.configured import LocalCapacity
from ..schema.jobs import Submission
from ..storage.directories import Directories
from ..vault import RegistryLogin


class Phase(StrEnum):
    """How far an attempt is, as the platform sees it."""

    ABSENT = "absent"
    STARTING = "starting"
    RUNNING = "running"
    EXITED = "exited"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at an attempt. ``reason`` is set when it ended otherwise than by exiting on its own."""

    phase: Phase
    exit_code: int | None = None
    reason: str | None = None
    message: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    node: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptRef:
    """The deterministic name of one attempt."""

    job_id: str
    number: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """All that a platform needs to start an attempt."""

    ref: AttemptRef
    owner: str
    groups: tuple[str, ...]
    submission: Submission
    """What was asked for. Its machine type, image and priority were settled when it was accepted: see below."""
    machine: MachineType
    environment: str | None
    image: str
    env: dict[str, str]
    """All variables that do not depend on the platform: the user's, the parameters', the job's identity."""
    priority: int = 0
    commit: str | None = None
    """The commit that a Git workspace is pinned to."""
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """Variables like ``env`` that only the job itself may see."""
    git_login: tuple[str, str] | None = field(default=None, repr=False)
    """User name and password for a Git workspace over https."""
    image_digest: str | None = None
    gpus: list[str] = field(default_factory=list)
    registry_logins: tuple[RegistryLogin, ...] = field(default=(), repr=False)
    """Accounts that its owner may use; only the one for the image's own registry is handed on."""
    own_image: bool = False
    """Brought by its owner: the registry decides each time whether they may have it."""
    grace_s: float = 10.0

    @property
    def nodes(self) -> int:
        """How many machines it runs on."""
        return self.submission.nodes

    @property
    def snapshot(self) -> str | None:
        """The id of the snapshot that it starts with; None: it starts with something else."""
        workspace = self.submission.workspace
        return workspace.id if workspace.type == "snapshot" else None

    @property
    def shm_mb(self) -> int:
        """The size of /dev/shm in MiB: half the memory, unless asked otherwise."""
        return self.submission.shm_mb or self.machine.memory_mb // 2


@dataclass(frozen=True, slots=True)
class NotebookPlace:
    """A notebook server that the Hub is about to start. ``mounts``: directory, place in it, read-only."""

    lease: str
    owner: str
    machine: MachineType
    image: str
    image_digest: str | None
    mounts: list[tuple[Path, str, bool]]
    clones: bool = False
    """A repository is fetched into the home first."""
    registry_logins: tuple[RegistryLogin, ...] = field(default=(), repr=False)
    own_image: bool = False


@dataclass(frozen=True, slots=True)
class NotebookWait:
    """Why a notebook server has no machine yet. ``hopeless``: no machine could ever take it."""

    message: str
    hopeless: bool = False


@dataclass(frozen=True, slots=True)
class RawLog:
    """A piece of raw output: whole lines "<time> <text>\\n", and the cursor after it."""

    data: bytes
    cursor: str


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many of a machine type fit the empty platform, and now; None: unknown."""

    total: int | None
    free: int | None


@dataclass(frozen=True, slots=True)
class Address:
    """Where a port of a running attempt answers: a unix socket, or a host and port."""

    unix: Path | None = None
    host: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Installation:
    """Whose a platform's objects are. ``id``: of the database. ``adopted``: what versions before that id made has been
    taken over, or there was nothing."""

    id: str
    adopted: bool = True


NO_INSTALLATION = Installation("")
"""For a backend without a database behind it."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something that a platform holds under this release's name. ``name``: by which the platform's own tools know it.
    ``ours``: this installation made it. It is for an attempt, or for the notebook of a user and server."""

    name: str
    ours: bool
    attempt: AttemptRef | None = None
    notebook: tuple[str, str] | None = None


class BackendError(Exception):
    """The platform refused or failed; the message is fit for a person. It is tried again."""


class PlatformAway(BackendError):
    """The platform cannot be reached for now. It is tried again for as long as it takes."""


class JobBackend(Protocol):
    """How a platform runs jobs. Every call is idempotent and may be repeated after a crash at any point.

    "Already there" is success only for the same attempt; "already gone" is success.
    """

    most_nodes: int
    """How many machines one job may use."""

    async def start(self, attempt: Attempt) -> None: ...

    async def stop(self, ref: AttemptRef, grace_s: float) -> None: ...

    async def observe(self, ref: AttemptRef) -> Observation: ...

    async def remove(self, ref: AttemptRef) -> None:
        """Forget an ended attempt: its platform objects and its raw log. Leaves a running one alone."""

    def follow_logs(self, ref: AttemptRef, node: int, cursor: str | None) -> AsyncIterator[RawLog]:
        """Raw output from the cursor on; ends when the attempt has ended and all of it was given."""

    def events(self) -> AsyncIterator[AttemptRef]:
        """Attempts that may have changed. May repeat and may miss some, because a sweep checks all of them."""

    async def known(self) -> list[AttemptRef]:
        """Every attempt of this installation that the platform still holds something of."""

    async def endpoint(self, ref: AttemptRef, port: int) -> Address: ...

    def position(self, ref: AttemptRef) -> int | None:
        """The place among those that wait for a machine, where the platform itself is the queue."""


class NotebookBackend(Protocol):
    """What a platform contributes to notebook servers, which the Hub starts. Every call may be repeated."""

    async def notebook(self, place: NotebookPlace) -> dict[str, Any] | None:
        """What the Hub's spawner needs beside directories. Creates what of it the Hub cannot."""

    async def notebook_waits(self, user: str, server: str, machine: MachineType) -> NotebookWait | None:
        """What a started server waits for, where the platform itself is the queue; None: for no machine."""

    async def forget_notebook(self, lease: str) -> None:
        """Remove what ``notebook`` created, once the server has ended."""


class Backend(JobBackend, NotebookBackend, Protocol):
    """A platform."""

    @property
    def cluster(self) -> str:
        """Its name in machine types and jobs."""

    @property
    def room(self) -> Room | None:
        """Its size, where the service is the queue; None: the platform itself queues."""

    @property
    def requests(self) -> int:
        """Requests made so far to the platform's API; 0 where it has none."""

    async def open(self, installation: Installation = NO_INSTALLATION) -> None:
        """Begin to listen to the platform for this installation. What another installation made is never touched."""

    async def close(self) -> None: ...

    async def found(self) -> list[Found]:
        """Everything held under this release's name, whoever made it."""

    async def adopt(self, known: Collection[AttemptRef]) -> None:
        """Take over what versions without marks made for these attempts. May be repeated."""

    async def capacity(self, machine: MachineType, held: Iterable[Held]) -> Capacity:
        """How many machines of a type there are. ``held``: what the service itself has leased on this platform."""

    async def contents(self, image: ImageEntry) -> Contents | None:
        """What the image contains, where the platform can tell; None: unknown."""

    def refusal(self, owner: str) -> str | None:
        """Why this user cannot use the platform at all, or None."""

    @property
    def notes(self) -> list[str]:
        """What people miss on this platform, why, and what helps, in sentences. Empty where all is well."""

    async def health(self) -> str: ...


@dataclass(frozen=True, slots=True)
class BackendContext:
    """What a backend is made with."""

    directories: Directories
    hub_address: str | None
    """host:port of the Hub, for platforms on its own machine."""
    local: LocalCapacity
    """The catalog's word on the size of this machine."""
    taken: frozenset[str]
    """Names of the platforms that have been made already."""
    isolation: str | None = None
    closed_networks: tuple[str, ...] = CLOSED_NETWORKS
    web: Web = field(default_factory=Web)
    kubernetes: Path | None = None
    """The file that describes the cluster."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Settings of platforms that are not part of Outrider."""


MakeBackend = Callable[[BackendContext], Backend | None]
"""Makes a platform; None: it is not configured, or another one has its name. Raises ValueError for settings that
cannot be used."""
