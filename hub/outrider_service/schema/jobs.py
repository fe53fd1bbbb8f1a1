"""Jobs over HTTP: the submission and the record."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, JsonValue, model_validator

from ..names import Label, Name, image_reference
from .common import Request, Resource, Timestamp

FIRST_PORT = 1024
PLATFORM_PORT = 65432
"""Where programs in a sandbox find the Hub and the service."""
"""Ports below need privileges that no job has."""
LARGEST_TEXT = 64 * 1024
"""Bytes of one word or variable; Linux takes twice as much."""
LARGEST_START = 256 * 1024
"""Bytes of the command and its variables together; Linux takes more, but they are in every record of the job."""


class Status(StrEnum):
    """Where a job is in its life."""

    PENDING = "pending"
    PROVISIONING = "provisioning"
    RUNNING = "running"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in ENDED


ENDED = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})


class Reason(StrEnum):
    """Why a job ended, beside its status."""

    EXITED = "exited"
    OUT_OF_MEMORY = "out_of_memory"
    TIMED_OUT = "timed_out"
    IMAGE_PULL_FAILED = "image_pull_failed"
    WORKSPACE_FAILED = "workspace_failed"
    UNSCHEDULABLE = "unschedulable"
    PREEMPTED = "preempted"
    NODE_LOST = "node_lost"
    PLATFORM_ERROR = "platform_error"
    CANCELLED_BY_USER = "cancelled_by_user"
    OVER_BUDGET = "over_budget"


class NoWorkspace(Request):
    type: Literal["none"] = "none"


class SnapshotWorkspace(Request):
    type: Literal["snapshot"]
    id: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


def _git_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, user = parts.hostname or "", parts.username or ""
        _ = parts.port
    except ValueError as error:
        raise ValueError("must be a valid URL") from error
    if re.search(r"[\x00-\x20\x7f]", value) or value.startswith("-"):
        raise ValueError("must be a plain URL without spaces")
    if parts.scheme not in ("https", "ssh") or not host:
        raise ValueError("must be an https:// or ssh:// URL")
    if host.startswith("-") or user.startswith("-"):
        # ssh would take it for an option.
        raise ValueError("must not name a host or user that starts with a hyphen")
    if parts.password or (parts.scheme == "https" and "@" in parts.netloc):
        raise ValueError("must not contain a password or token; it would be visible in the job's record")
    return value


def _git_ref(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/+@-]*", value) or ".." in value or "@{" in value:
        raise ValueError("must be a branch, a tag or a commit")
    return value


GitUrl = Annotated[str, Field(max_length=2048), AfterValidator(_git_url)]
GitRef = Annotated[str, Field(max_length=255), AfterValidator(_git_ref)]


class GitWorkspace(Request):
    type: Literal["git"]
    url: GitUrl
    ref: GitRef | None = None


Workspace = Annotated[NoWorkspace | SnapshotWorkspace | GitWorkspace, Field(discriminator="type")]


def _env_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError(f"{value!r} is not a valid name: use letters, digits and _, not starting with a digit")
    if value.startswith("OUTRIDER_"):
        raise ValueError(f"{value!r}: names starting with OUTRIDER_ are reserved")
    return value


def _param_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError(f"{value!r} is not a valid name: use letters, digits and _, not starting with a digit")
    return value


def _text(value: str) -> str:
    """What can be handed to a process."""
    if "\x00" in value:
        raise ValueError("must not contain a NUL character")
    if len(value.encode()) > LARGEST_TEXT:
        raise ValueError(f"must not be longer than {LARGEST_TEXT >> 10} KiB")
    return value


def _command(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return _text(value)


def _notebook(value: str) -> str:
    parts = value.split("/")
    if value.startswith("/") or ".." in parts or not value.endswith(".ipynb"):
        raise ValueError("must be the path of an .ipynb file inside the workspace")
    return _text(value)


def _port(value: int) -> int:
    if value == PLATFORM_PORT:
        raise ValueError(f"must not be {PLATFORM_PORT}, at which jobs find the platform")
    return value


def _unique_ports(value: list[int]) -> list[int]:
    if len(set(value)) != len(value):
        raise ValueError("must not name a port twice")
    return value


def _small_params(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if len(json.dumps(value)) > LARGEST_TEXT:
        raise ValueError(f"must not be larger than {LARGEST_TEXT >> 10} KiB as JSON")
    for name, given in value.items():
        if isinstance(given, str) and "\x00" in given:
            raise ValueError(f"{name!r} must not contain a NUL character")
    return value


Text = Annotated[str, Field(max_length=65536), AfterValidator(_text)]
Argument = Annotated[str, Field(max_length=65536), AfterValidator(_text)]
EnvName = Annotated[str, Field(max_length=255), AfterValidator(_env_name)]
ParamName = Annotated[str, Field(max_length=255), AfterValidator(_param_name)]
InputName = Annotated[str, Field(max_length=63, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]
Port = Annotated[int, Field(ge=FIRST_PORT, le=65535), AfterValidator(_port)]
JobId = Annotated[str, Field(pattern=r"^j[0-9a-z]{12}$")]


class Submission(Request):
    """What a user asks for; exactly one of ``command``, ``args`` and ``notebook``."""

    name: Name | None = None
    image: Annotated[str, Field(min_length=1, max_length=512), AfterValidator(image_reference)] | None = None
    machine: Label | None = None
    command: Annotated[str, Field(max_length=65536), AfterValidator(_command)] | None = None
    args: Annotated[list[Argument], Field(min_length=1, max_length=4096)] | None = None
    notebook: Annotated[str, Field(max_length=1024), AfterValidator(_notebook)] | None = None
    workspace: Workspace = NoWorkspace()
    inputs: Annotated[dict[InputName, JobId], Field(max_length=32)] = Field(default_factory=dict)
    env: Annotated[dict[EnvName, Text], Field(max_length=256)] = Field(default_factory=dict)
    secrets: Annotated[list[EnvName], Field(max_length=64)] = Field(default_factory=list)
    params: Annotated[dict[ParamName, JsonValue], Field(max_length=256), AfterValidator(_small_params)] = Field(
        default_factory=dict
    )
    ports: Annotated[list[Port], Field(max_length=16), AfterValidator(_unique_ports)] = Field(default_factory=list)
    public: bool = False
    project: Label | None = None
    experiment: Label | None = None
    group: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    tags: Annotated[list[Label], Field(max_length=32)] = Field(default_factory=list)
    timeout_s: Annotated[int, Field(ge=1, le=366 * 86400)] | None = None
    retries: Annotated[int, Field(ge=0, le=100)] = 0
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    nodes: Annotated[int, Field(ge=1, le=1024)] = 1
    shm_mb: Annotated[int, Field(ge=1, le=16 * 1024 * 1024)] | None = None
    cluster: Label = "default"

    @model_validator(mode="after")
    def _one_thing_to_run(self) -> Self:
        given = [name for name in ("command", "args", "notebook") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("command: specify exactly one of command, args and notebook")
        if self.args is not None and not self.args[0].strip():
            raise ValueError("args: the program must not be empty")
        words = [self.command or "", *(self.args or []), *self.env, *self.env.values()]
        if sum(len(word.encode()) for word in words) > LARGEST_START:
            raise ValueError(f"env: together with the command it must not be larger than {LARGEST_START >> 10} KiB")
        doubled = sorted(set(self.secrets) & set(self.env))
        if doubled:
            raise ValueError(f"secrets: {doubled[0]} is also in env")
        if self.notebook is not None and self.workspace.type == "none" and not self._brings_files():
            raise ValueError("notebook: needs a workspace, but the workspace is none")
        return self

    def _brings_files(self) -> bool:
        """Whether files come along beside the workspace."""
        return False


class PreflightRequest(Submission):
    """A submission that is only looked at."""

    upload: bool = Field(default=False, description="a folder will be uploaded as the workspace at submission")

    def _brings_files(self) -> bool:
        return self.upload


class Finding(Resource):
    """One thing that was looked at before a job is sent."""

    check: str
    answer: Literal["yes", "no", "unknown"]
    message: str
    field: str | None = Field(default=None, description="the invalid field of the submission, if there is one")


class Preflight(Resource):
    """What would become of a submission."""

    items: list[Finding]
    price_per_hour: float | None = Field(description="null: it would be refused")
    machine: str | None
    image: str | None


class CloneRequest(Request):
    """Run a job's pinned things again; ``latest`` follows the image's tag and the git ref instead."""

    name: Name | None = None
    latest: bool = False


class PortAddress(Resource):
    port: int
    url: str = Field(description="for browsers: the port's own host")
    path: str = Field(description="for programs with a token: a path below the service's address")


class Progress(Resource):
    done: int
    total: int | None = None
    text: str | None = None


class Attempt(Resource):
    number: int
    status: Status
    reason: Reason | None = None
    exit_code: int | None = None
    message: str | None = None
    node: str | None = None
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None


class Job(Resource):
    """A job as its owner sees it."""

    id: str
    name: str
    owner: str
    group: str | None
    project: str | None
    experiment: str | None
    cluster: str
    image: str
    image_digest: str | None
    machine: str
    command: str | None
    args: list[str] | None
    notebook: str | None
    workspace: dict[str, JsonValue] = Field(description="as submitted; git gains `commit` once cloned")
    inputs: dict[str, str]
    env: dict[str, str]
    secrets: list[str]
    params: dict[str, JsonValue]
    ports: list[PortAddress]
    public: bool
    tags: list[str]
    timeout_s: int | None
    retries: int
    priority: int
    nodes: int
    shm_mb: int | None
    status: Status
    reason: Reason | None
    exit_code: int | None
    message: str | None = Field(description="a message for the user that says what to do next")
    attempt: int = Field(description="0 until the first attempt starts")
    attempts: list[Attempt] | None = Field(default=None, description="only for a single job, not in lists")
    queue_position: int | None = Field(description="1 is next; null when not waiting")
    progress: Progress | None
    price_per_hour: float
    cost: float
    parent_id: str | None
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None


class Event(Resource):
    """One step of a job's timeline."""

    id: int
    time: Timestamp
    attempt: int
    type: str
    message: str
