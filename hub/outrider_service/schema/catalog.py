"""The catalog over HTTP: images, machine types, limits, and what a registry says of an image."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from ..catalog.model import Entry, ImageEntry, ImageName, KubernetesPlacement, LimitSet, MachineType, Text
from ..names import Label
from .common import Request, Resource, Timestamp

Position = Annotated[int, Field(ge=0, le=100000)]


class Machine(Resource):
    name: str
    title: str
    description: str
    cluster: str
    cpu: float
    memory_mb: int
    gpu: int
    gpu_model: str | None
    price_per_hour: float
    preemptible: bool
    groups: list[str] = Field(description="who may use it; empty: everybody")
    enabled: bool
    max_per_user: int | None = Field(description="how many one user may hold at once")
    max_age_s: int | None = Field(description="notebooks are stopped at this age, used or idle")
    idle_timeout_s: int | None = Field(description="…and after this idle time; 0: never; null: the platform's default")
    gpu_idle_timeout_s: int | None = Field(description="…and when their GPUs have been idle for this time")
    kubernetes: KubernetesPlacement = Field(description="settings for Kubernetes, such as the nodes")
    total: int | None = Field(description="how many fit on the empty platform; null: unknown")
    free: int | None = Field(description="how many fit now; null: unknown")
    waiting: int = Field(description="jobs that wait for this type")


class MachineList(Resource):
    items: list[Machine]


CheckStatus = Literal[
    "ok", "not_found", "not_allowed", "wrong_architecture", "rate_limited", "unreachable", "not_an_image", "refused"
]


class ImageFacts(Resource):
    """What the image's registry said when it was last asked."""

    status: CheckStatus
    message: str = Field(description="a message for the user")
    reference: str = Field(description="in full, as registry/repository:tag")
    checked_at: Timestamp
    try_again_at: Timestamp | None = Field(default=None, description="if the registry limits the rate")
    digest: str | None = Field(default=None, description="the tag's current digest")
    moved_at: Timestamp | None = Field(
        default=None, description="when the tag was first seen to differ from the pinned digest"
    )
    architectures: list[str] = Field(default_factory=list)
    size: int | None = Field(default=None, description="download size in bytes")
    ports: list[str] = Field(default_factory=list)
    user: str | None = None
    cuda: str | None = None
    created_at: Timestamp | None = None
    labels: dict[str, str] = Field(default_factory=dict)


class Image(Resource):
    name: str = Field(description="what `image` of a submission names")
    title: str
    description: str
    notes: str
    icon: str
    for_jobs: bool
    for_notebooks: bool
    environment: str | None = Field(description="on the local platform: the Python environment used")
    groups: list[str] = Field(description="who may use it; empty: everybody")
    enabled: bool
    owner: str | None = Field(description="the owner of an own image; null: a catalog image")
    digest: str | None = Field(description="pinned digest; null: the tag is followed")
    facts: ImageFacts | None = Field(description="null: not checked yet")


class ImageList(Resource):
    items: list[Image]


class CatalogQuery(Request):
    """``all``: the disabled and restricted ones as well, for admins; others see what they would without."""

    all: Annotated[bool, Field(strict=False)] = False


class ContentsQuery(Request):
    """``machine``: the type that it would run on, which says on which platform; none: the default one."""

    machine: Label | None = None


class ImageContents(Resource):
    """What an image has for programs; null: not known here."""

    modules: list[str] | None = Field(description="importable top-level modules, without the standard library")
    kernels: list[str] | None


class ImageWrite(ImageEntry):
    """An image for the catalog. ``check``: ask the registry first, and refuse what is no usable image."""

    position: Position | None = None
    check: bool = False


class OwnImageWrite(Request):
    """An image of one's own, from any registry."""

    name: ImageName
    title: Text = ""
    description: Text = ""
    for_jobs: bool = True
    for_notebooks: bool = True
    check: bool = True


class ImageQuestion(Request):
    """Which image to ask the registry about."""

    image: ImageName


class MachineWrite(MachineType):
    """A machine type, new or to take an old one's place."""

    position: Position | None = None


def partial(model: type[Entry], name: str) -> type[Request]:
    """The model with every field optional: a change of some of them. Values are checked when they are put together."""
    fields: dict[str, Any] = {
        key: (Any, Field(default=None, description="as of the whole"))
        for key in model.model_fields
        if key not in ("name", "check")
    }
    return create_model(name, __base__=Request, **fields)


MachinePatch = partial(MachineWrite, "MachinePatch")
ImagePatch = partial(ImageWrite, "ImagePatch")


class LimitsWrite(LimitSet):
    """Limits of "default", "user:NAME" or "group:NAME"."""


class LimitsOf(Resource):
    subject: str = Field(description='"default", "user:NAME" or "group:NAME"')
    max_running: int | None
    max_pending: int | None
    max_gpus: int | None
    max_upload_mb: int
    max_storage_mb: int | None
    budget_per_month: float | None


class LimitsList(Resource):
    items: list[LimitsOf]


class Offer(Resource):
    """What one person may start a notebook with."""

    images: list[Image]
    machines: list[Machine]
    refusals: dict[str, str] = Field(description="why a machine type is unavailable now, by its name")
    unusable: dict[str, str] = Field(description="images whose environment cannot start notebooks, with the reason")
    sandboxed: list[str] = Field(description="clusters on which images are Python environments")
    environment: str = Field(description="the default environment of images that name none")
    idle_timeout_s: float = Field(description="the default idle time after which notebooks are stopped; 0: never")


class Person(Request):
    """Whom the Hub's spawner asks for: the Hub knows groups and roles, and the service believes it."""

    user_groups: list[str] = Field(default_factory=list)
    user_admin: bool = False


class HeldNotebook(Resource):
    """A notebook that holds a machine, and when it should stop."""

    user: str
    server: str = Field(description="empty for the default server")
    machine: str
    since: Timestamp
    max_age_s: int | None
    idle_timeout_s: int | None
    gpu_idle_timeout_s: int | None
    gpus: list[str]
    gpu_used_at: Timestamp | None = Field(description="when its GPUs were last used; null: unknown")
    kept_at: Timestamp | None
    own_age: bool = Field(default=False, description="the owner chose the age")


class HeldNotebookList(Resource):
    items: list[HeldNotebook]


Seconds = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False, strict=False)]


class RunStart(Request):
    started_at: Seconds = Field(description="of the container, in seconds since 1970")


class RunTimes(Request):
    """When a notebook's container really started and ended, in seconds since 1970; unknown where left out."""

    started_at: Seconds | None = None
    finished_at: Seconds | None = None
