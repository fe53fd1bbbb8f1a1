"""The catalog's entries, and the interface that every catalog has."""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from ..names import Label, image_reference

LONGEST_NAME = 512
LONGEST_TEXT = 2000
MANY_GROUPS = 100
MANY_MODULES = 20_000

Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
ImageName = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(image_reference)]
Name = Annotated[str, Field(min_length=1, max_length=255)]
Group = Annotated[str, Field(min_length=1, max_length=255)]
# Not strict: JSON and YAML have lists, where a frozen entry has a tuple.
Groups = Annotated[tuple[Group, ...], Field(max_length=MANY_GROUPS, strict=False)]


class Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class MachineType(Entry):
    """A named size. ``groups`` empty: everybody may use it. Prices are per hour, in the operator's currency."""

    name: Label
    title: Text = ""
    description: Text = ""
    cluster: Label = "default"
    cpu: Annotated[float, Field(gt=0, le=4096, allow_inf_nan=False)]
    memory_mb: Annotated[int, Field(ge=64, le=2**30)]
    gpu: Annotated[int, Field(ge=0, le=1024)] = 0
    gpu_model: Annotated[str, Field(max_length=128)] | None = None
    gpu_resource: Annotated[str, Field(min_length=1, max_length=253)] = "nvidia.com/gpu"
    price_per_hour: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] = 0.0
    preemptible: bool = False
    groups: Groups = ()
    enabled: bool = True
    max_per_user: Annotated[int, Field(ge=1)] | None = None
    """How many one user may hold at once, those of jobs (each of their machines) and notebooks together; None: no such
    limit."""
    max_age_s: Annotated[int, Field(ge=60)] | None = None
    """A notebook on it is stopped that long after its start, used or not; None: never for its age."""
    idle_timeout_s: Annotated[int, Field(ge=0)] | None = None
    """A notebook on it is stopped after that long without use; 0: never; None: the platform's own time."""
    gpu_idle_timeout_s: Annotated[int, Field(ge=60)] | None = None
    """A notebook whose GPUs did nothing for that long counts as not used; None: GPUs do not matter."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: Annotated[tuple[dict[str, str | int], ...], Field(max_length=MANY_GROUPS, strict=False)] = ()
    scales_from_zero: bool = False
    """Kubernetes: its nodes appear when they are needed, so that none being there is no reason to refuse."""


class Contents(Entry):
    """What an image has for programs: ``modules`` are top-level names that Python can import, its own aside."""

    modules: Annotated[tuple[Name, ...], Field(max_length=MANY_MODULES, strict=False)]
    kernels: Annotated[tuple[Name, ...], Field(max_length=MANY_GROUPS, strict=False)] = ("python3",)


class ImageEntry(Entry):
    """An image of the catalog; on the local platform ``environment`` is the Python prefix used in its place."""

    name: ImageName
    title: Text = ""
    description: Text = ""
    notes: Annotated[str, Field(max_length=10 * LONGEST_TEXT)] = ""
    icon: Annotated[str, Field(max_length=64)] = ""
    """A word or an emoji that stands for the image; never the address of a picture elsewhere."""
    for_jobs: bool = True
    for_notebooks: bool = True
    environment: Annotated[str, Field(max_length=4096)] | None = None
    contents: Contents | None = None
    """Said by who keeps the catalog, where nothing better tells; None: unknown."""
    groups: Groups = ()
    enabled: bool = True
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    """What the tag meant when it was pinned; None: the tag is followed."""

    @field_validator("icon", "title", "environment")
    @classmethod
    def _one_line(cls, value: str | None) -> str | None:
        if value is not None and any(ord(char) < 32 or ord(char) == 127 for char in value):
            raise ValueError("must be a single line")
        return value


class LimitSet(Entry):
    """Limits of one user or group; None: unlimited."""

    max_running: Annotated[int, Field(ge=1)] | None = None
    max_pending: Annotated[int, Field(ge=1)] | None = 1000
    max_gpus: Annotated[int, Field(ge=0)] | None = None
    max_upload_mb: Annotated[int, Field(ge=1)] = 512
    max_storage_mb: Annotated[int, Field(ge=1)] | None = None
    budget_per_month: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Money of a calendar month (UTC), in the operator's currency."""


class Catalog(Protocol):
    """What the rest of the service knows of a catalog. Whatever is asked for by name is found, disabled or not: it may
    be in use. Lists hold what can be chosen."""

    def machines(self) -> list[MachineType]: ...

    def machine(self, name: str) -> MachineType | None: ...

    def images(self, owner: str | None = None) -> list[ImageEntry]:
        """Those for everybody, and the owner's own behind them."""

    def image(self, name: str, owner: str | None = None) -> ImageEntry | None: ...

    @property
    def has_budgets(self) -> bool:
        """Whether anybody's spending is limited."""

    def limits(self, user: str) -> LimitSet: ...

    def group_limits(self, group: str) -> LimitSet: ...
