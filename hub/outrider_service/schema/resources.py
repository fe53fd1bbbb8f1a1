"""The resources beside jobs: logs, metrics, files, machines, images, notebooks, the caller."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .common import Request, Resource, Timestamp
from .jobs import GitRef, GitUrl
from .usage import Budget


class LogLine(Resource):
    n: int = Field(description="1, 2, … within the job, over all attempts and nodes")
    time: Timestamp
    attempt: int
    node: int
    text: str


class LogPage(Resource):
    items: list[LogLine]
    next: int | None = Field(
        description="pass as `after` for the next page; null at the present end. A page before it may be short, or "
        "empty where a long log is searched: each answer looks at a part"
    )
    total: int = Field(description="lines in the whole log so far")


class SeriesSummary(Resource):
    name: str
    attempt: int
    node: int
    count: int
    x: float
    y: float
    time: Timestamp


class ChartSummary(Resource):
    chart: str
    axis: str | None
    system: bool
    series: list[SeriesSummary]


class ChartList(Resource):
    items: list[ChartSummary]


class Series(Resource):
    name: str
    attempt: int
    node: int
    total: int = Field(description="points before downsampling")
    x: list[float]
    y: list[float]
    time: list[float] = Field(description="seconds since 1970")
    line: list[int] = Field(description="number of the log line that printed the point; 0 for system metrics")


class Chart(Resource):
    chart: str
    axis: str | None
    system: bool
    series: list[Series]


class FileEntry(Resource):
    path: str = Field(description="relative to the root of the tree")
    type: str = Field(pattern="^(file|directory)$")
    size: int
    modified: Timestamp


class FileList(Resource):
    items: list[FileEntry]
    next: str | None = None


class Snapshot(Resource):
    id: str
    size: int
    files: int
    created: bool = Field(description="false when the service already had it")


class Limits(Resource):
    max_running: int | None
    max_pending: int | None
    max_gpus: int | None
    max_upload_mb: int
    max_storage_mb: int | None
    budget_per_month: float | None


class Usage(Resource):
    running: int
    pending: int
    gpus: int
    price_per_hour: float = Field(description="of everything that is running, notebooks included")


class Me(Resource):
    name: str
    kind: str
    admin: bool
    groups: list[str]
    scopes: list[str]
    limits: Limits
    usage: Usage
    budgets: list[Budget] = Field(description="this month's budgets: the user's and their groups'")
    storage: str = Field(description="where jobs see the user's storage")
    notes: list[str] = Field(description="missing features of this platform, each with its reason and remedy")


class Notebook(Resource):
    server: str = Field(description="empty for the default server")
    ready: bool
    pending: str | None
    url: str
    image: str | None
    machine: str | None
    price_per_hour: float
    cost: float
    started_at: Timestamp | None
    last_activity: Timestamp | None
    stops_at: Timestamp | None = Field(description="when it will be stopped; null: never, or it is not running")
    stop_reason: str | None = Field(description="why it will be stopped, or was the last time")
    stop_final: bool = Field(description="neither activity nor keeping it postpones the stop")
    stopped_at: Timestamp | None = Field(description="when it was last stopped automatically")


class GpuUse(Request):
    """What a notebook server says of its GPUs."""

    used_at: Timestamp = Field(strict=False, description="when any of them was last used")


LONGEST_LIFE_S = 366 * 86400


class NotebookStart(Request):
    """What to start it with; the defaults where left out."""

    image: str | None = None
    machine: str | None = None
    group: str | None = None
    git_url: GitUrl | None = Field(default=None, description="a repository to clone into its home, once")
    git_ref: GitRef | None = Field(default=None, description="a branch, a tag or a commit of it")
    max_age_s: Annotated[int, Field(ge=60, le=LONGEST_LIFE_S)] | None = Field(
        default=None, description="stop it at this age, used or idle; at most what its machine type allows"
    )
    idle_timeout_s: Annotated[int, Field(ge=60, le=LONGEST_LIFE_S)] | None = Field(
        default=None, description="stop it after this idle time; at most what its machine type allows"
    )


class StorageHolding(Resource):
    subject: str = Field(description='"user:NAME" or "group:NAME"')
    used: int | None = Field(description="total bytes; null: not measured yet")
    jobs: int | None = Field(description="of which jobs' files: artifacts, logs, workspaces")
    uploads: int | None = Field(description="of which uploaded workspaces that are still needed")
    limit: int | None = Field(description="bytes; null: unlimited")
    measured_at: Timestamp | None


class StorageHoldings(Resource):
    items: list[StorageHolding]


class NotebookList(Resource):
    items: list[Notebook]


class Mount(Resource):
    source: str
    target: str
    read_only: bool


class SpawnRequest(NotebookStart):
    """What the Hub's spawner asks before it starts a notebook server."""

    add_image: bool = Field(
        default=False, description="if the catalog has no such image, check its registry and add it to the user's own"
    )
    user_groups: list[str] = Field(default_factory=list, description="the user's JupyterHub groups")
    user_admin: bool = False


class PodParts(Resource):
    """What a notebook's pod is made of, where the platform is Kubernetes; in Kubernetes' own terms."""

    image: str
    pull_policy: Literal["Always", "IfNotPresent"]
    namespace: str
    uid: int
    command: list[str]
    env: dict[str, str]
    volumes: list[dict[str, Any]]
    volume_mounts: list[dict[str, Any]]
    init_containers: list[dict[str, Any]]
    resources: dict[str, str]
    node_selector: dict[str, str]
    tolerations: list[dict[str, Any]]
    pull_secrets: list[str]


class SpawnWait(Resource):
    """What a notebook server that was started waits for."""

    message: str | None = Field(description="null: the notebook does not wait for a machine")
    hopeless: bool = Field(default=False, description="no machine could ever run it; the message says why")


class Repository(Resource):
    """What is cloned into a notebook's home before it starts."""

    url: str
    ref: str | None
    folder: str = Field(description="its directory's name in the home")
    login: list[str] | None = Field(default=None, repr=False, description="user name and password, from its secrets")


class SpawnSpec(Resource):
    """What the Hub's spawner must start: everything that a notebook server needs from the platform."""

    lease: str
    image: str
    environment: str
    machine: str
    cpu: float
    memory_mb: int
    gpus: list[str]
    price_per_hour: float
    max_age_s: int | None = Field(default=None, description="stop it at this age, used or idle")
    idle_timeout_s: int | None = Field(
        default=None, description="stop it after this idle time; 0: never; null: the default"
    )
    gpu_idle_timeout_s: int | None = Field(
        default=None, description="stop it when its GPUs have been idle for this time"
    )
    mounts: list[Mount]
    home: str = Field(description="inside the sandbox; where the server starts")
    env: dict[str, str]
    repository: Repository | None = None
    pod: PodParts | None = None


class Health(Resource):
    status: str
    version: str
    database: str
    platforms: dict[str, str]


class Problem(Resource):
    """Every error: ``field`` names the part of the input that is at fault."""

    status: int
    message: str
    field: str | None = None
