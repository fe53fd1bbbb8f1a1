"""The catalog over HTTP: images, machine types, limits, and what a registry says of an image."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from ..catalog.model import Entry, ImageEntry, ImageName, LimitSet, MachineType, Text
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
    gpu_resource: str
    price_per_hour: float
    preemptible: bool
    groups: list[str] = Field(description="who may use it; empty: everybody")
    enabled: bool
    max_per_user: int | None = Field(description="how many one user may hold at once")
    max_age_s: int | None = Field(description="a notebook on it is stopped at this age, used or not")
    idle_timeout_s: int | None = Field(description="…and after so long without use; 0: never; null: the usual time")
    gpu_idle_timeout_s: int | None = Field(description="…and when its GPUs have done nothing for so long")
    node_selector: dict[str, str] = Field(description="Kubernetes: labels of the nodes that it runs on")
    tolerations: list[dict[str, Any]] = Field(description="Kubernetes: taints of nodes that it may run on")
    scales_from_zero: bool = Field(description="Kubernetes: its nodes appear when they are needed")
    total: int | None = Field(description="how many fit the platform when it is empty; null: unknown")
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
    message: str = Field(description="a sentence for a person")
    reference: str = Field(description="in full, as registry/repository:tag")
    checked_at: Timestamp
    try_again_at: Timestamp | None = Field(default=None, description="where the registry limits the rate")
    digest: str | None = Field(default=None, description="what the tag means now")
    moved_at: Timestamp | None = Field(default=None, description="when it was first seen to differ from the pinned one")
    architectures: list[str] = Field(default_factory=list)
    size: int | None = Field(default=None, description="bytes to download")
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
    owner: str | None = Field(description="whose own image it is; null: one of the catalog")
    digest: str | None = Field(description="pinned; null: the tag is followed")
    facts: ImageFacts | None = Field(description="null: its registry was not asked yet")


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

    modules: list[str] | None = Field(description="top-level names that Python can import, its own library aside")
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
    refusals: dict[str, str] = Field(description="why a machine type cannot be had now, by its name")
    unusable: dict[str, str] = Field(description="images whose environment here cannot start a notebook, and why")
    sandboxed: list[str] = Field(description="clusters on which an image stands for a Python environment")
    environment: str = Field(description="the one there for images that name none")
    idle_timeout_s: float = Field(description="the usual time without use after which a notebook stops; 0: never")


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
    gpu_used_at: Timestamp | None = Field(description="when its GPUs last worked; null: nobody looked")
    kept_at: Timestamp | None
    own_age: bool = Field(default=False, description="the age is what its owner chose")


class HeldNotebookList(Resource):
    items: list[HeldNotebook]


Seconds = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False, strict=False)]


class RunStart(Request):
    started_at: Seconds = Field(description="of the container, in seconds since 1970")


class RunTimes(Request):
    """When a notebook's container really started and ended, in seconds since 1970; unknown where left out."""

    started_at: Seconds | None = None
    finished_at: Seconds | None = None
