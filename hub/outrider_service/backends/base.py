"""The protocols that every platform implements, and their types. Nothing above this package knows a
platform's own terms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from outrider_sandbox import CLOSED_NETWORKS, UIDS, Web

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
    """The observed state of an attempt. ``reason`` is set if it ended other than by exiting."""

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
    """Everything a platform needs to start an attempt."""

    ref: AttemptRef
    owner: str
    groups: tuple[str, ...]
    submission: Submission
    """What was asked for. Machine type, image and priority were resolved at submission: see below."""
    machine: MachineType
    environment: str | None
    image: str
    env: dict[str, str]
    """Variables that do not depend on the platform: the user's, parameters, the job's identity."""
    priority: int = 0
    commit: str | None = None
    """The commit that a Git workspace is pinned to."""
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """Further variables, which only the job itself may see."""
    git_login: tuple[str, str] | None = field(default=None, repr=False)
    """User name and password for a Git workspace over https."""
    image_digest: str | None = None
    gpus: list[str] = field(default_factory=list)
    registry_logins: tuple[RegistryLogin, ...] = field(default=(), repr=False)
    """The owner's registry accounts; only the one for the image's registry is passed on."""
    own_image: bool = False
    """Whether the image is the owner's own: the registry must authorize each pull."""
    grace_s: float = 10.0

    @property
    def nodes(self) -> int:
        """How many machines it runs on."""
        return self.submission.nodes

    @property
    def snapshot(self) -> str | None:
        """The id of the workspace's snapshot; None for other workspaces."""
        workspace = self.submission.workspace
        return workspace.id if workspace.type == "snapshot" else None

    @property
    def shm_mb(self) -> int:
        """The size of /dev/shm in MiB; half the memory by default."""
        return self.submission.shm_mb or self.machine.memory_mb // 2


@dataclass(frozen=True, slots=True)
class NotebookPlace:
    """A notebook server that the Hub is about to start. ``mounts``: host directory, path inside, read-only."""

    lease: str
    owner: str
    machine: MachineType
    image: str
    image_digest: str | None
    mounts: list[tuple[Path, str, bool]]
    clones: bool = False
    """Whether a repository is cloned into the home first."""
    registry_logins: tuple[RegistryLogin, ...] = field(default=(), repr=False)
    own_image: bool = False


@dataclass(frozen=True, slots=True)
class NotebookWait:
    """Why a notebook server has no machine yet. ``hopeless``: no machine could ever run it."""

    message: str
    hopeless: bool = False


@dataclass(frozen=True, slots=True)
class RawLog:
    """A chunk of raw output: whole lines "<time> <text>\\n", and the cursor after it."""

    data: bytes
    cursor: str


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many of a machine type fit on the empty platform (``total``) and now (``free``); None: unknown."""

    total: int | None
    free: int | None


@dataclass(frozen=True, slots=True)
class Address:
    """Where a port of a running attempt can be reached: a Unix socket, or a host and port."""

    unix: Path | None = None
    host: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Installation:
    """The installation that owns a platform's objects. ``id``: stored in the database. ``adopted``: objects of versions
    without that id have been adopted, or there are none."""

    id: str
    adopted: bool = True


NO_INSTALLATION = Installation("")
"""For a backend without a database."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something that a platform holds under this release's name. ``name``: as the platform's own tools show it.
    ``ours``: this installation created it. It belongs to an attempt or to a notebook (user and server)."""

    name: str
    ours: bool
    attempt: AttemptRef | None = None
    notebook: tuple[str, str] | None = None


class BackendError(Exception):
    """The platform refused or failed; the message is for the user. The caller retries."""


class PlatformAway(BackendError):
    """The platform is unreachable. The caller retries without limit."""


class JobBackend(Protocol):
    """How a platform runs jobs. Every call is idempotent, so it may be repeated after a crash at any point.

    If the same attempt already exists, a start succeeds; if it is already gone, a removal does.
    """

    most_nodes: int
    """How many machines one job may use at most."""

    async def start(self, attempt: Attempt) -> None: ...

    async def stop(self, ref: AttemptRef, grace_s: float) -> None: ...

    async def observe(self, ref: AttemptRef) -> Observation: ...

    async def remove(self, ref: AttemptRef) -> None:
        """Forget an ended attempt: its platform objects and its raw log. Leaves a running one alone."""

    def follow_logs(self, ref: AttemptRef, node: int, cursor: str | None) -> AsyncIterator[RawLog]:
        """Raw output after the cursor; ends when the attempt has ended and everything has been yielded."""

    def events(self) -> AsyncIterator[AttemptRef]:
        """Attempts that may have changed. May repeat or miss some: a sweep checks all of them."""

    async def known(self) -> list[AttemptRef]:
        """Every attempt of this installation of which the platform still holds anything."""

    async def endpoint(self, ref: AttemptRef, port: int) -> Address: ...

    def position(self, ref: AttemptRef) -> int | None:
        """The queue position, if the platform itself is the queue and the attempt waits in it."""


class NotebookBackend(Protocol):
    """What a platform contributes to notebook servers, which the Hub starts. Every call is idempotent."""

    async def notebook(self, place: NotebookPlace) -> dict[str, Any] | None:
        """What the Hub's spawner needs besides directories. Creates the objects that the Hub may not."""

    async def notebook_waits(self, user: str, server: str, machine: MachineType) -> NotebookWait | None:
        """What a started server waits for, if the platform itself is the queue; None if it has a machine."""

    async def forget_notebook(self, lease: str) -> None:
        """Remove what ``notebook`` created, once the server has ended."""


class Backend(JobBackend, NotebookBackend, Protocol):
    """A platform."""

    @property
    def cluster(self) -> str:
        """Its name in machine types and jobs."""

    @property
    def room(self) -> Room | None:
        """Its size, if the service is the queue; None: the platform itself queues."""

    @property
    def requests(self) -> int:
        """Requests made to the platform's API so far; 0 if it has none."""

    async def open(self, installation: Installation = NO_INSTALLATION) -> None:
        """Connect to the platform for this installation. Another installation's objects are never touched."""

    async def close(self) -> None: ...

    async def found(self) -> list[Found]:
        """Everything held under this release's name, whoever created it."""

    async def adopt(self, known: Collection[AttemptRef]) -> None:
        """Adopt objects that versions without marks created for these attempts. Idempotent."""

    async def capacity(self, machine: MachineType, held: Iterable[Held]) -> Capacity:
        """How many machines of a type there are. ``held``: the service's own leases on this platform."""

    async def contents(self, image: ImageEntry) -> Contents | None:
        """What the image contains; None: unknown."""

    def refusal(self, owner: str) -> str | None:
        """Why this user cannot use the platform at all, or None."""

    @property
    def notes(self) -> list[str]:
        """Sentences about missing features, each with its reason and remedy. Empty if nothing is missing."""

    async def health(self) -> str: ...


@dataclass(frozen=True, slots=True)
class BackendContext:
    """What a backend is created with."""

    directories: Directories
    hub_address: str | None
    """host:port of the Hub, for platforms on its own machine."""
    local: LocalCapacity
    """This machine's size according to the catalog."""
    taken: frozenset[str]
    """Names of the platforms created so far."""
    isolation: str | None = None
    closed_networks: tuple[str, ...] = CLOSED_NETWORKS
    web: Web = field(default_factory=Web)
    uids: str = UIDS
    kubernetes: Path | None = None
    """The file that describes the cluster."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Settings of platforms that are not part of Outrider."""


MakeBackend = Callable[[BackendContext], Backend | None]
"""Creates a platform; None: it is not configured, or another one has its name. Raises ValueError for invalid
settings."""
