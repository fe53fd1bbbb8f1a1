"""The catalog's entries, and the interface that every catalog has."""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

from ..schema.common import Label


class Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MachineType(Entry):
    """A named size. ``groups`` empty: everybody may use it. Prices are per hour, in the operator's currency."""

    name: Label
    title: str = ""
    description: str = ""
    cluster: Label = "default"
    cpu: Annotated[float, Field(gt=0)]
    memory_mb: Annotated[int, Field(ge=64)]
    gpu: Annotated[int, Field(ge=0)] = 0
    gpu_model: str | None = None
    gpu_resource: str = "nvidia.com/gpu"
    price_per_hour: Annotated[float, Field(ge=0)] = 0.0
    preemptible: bool = False
    groups: tuple[str, ...] = ()
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[dict[str, str | int], ...] = ()
    scales_from_zero: bool = False
    """Kubernetes: its nodes appear when they are needed, so that none being there is no reason to refuse."""


class ImageEntry(Entry):
    """An image of the catalog; on the local platform ``environment`` is the Python prefix used in its place."""

    name: Annotated[str, Field(min_length=1, max_length=512)]
    title: str = ""
    description: str = ""
    for_jobs: bool = True
    for_notebooks: bool = True
    environment: str | None = None
    groups: tuple[str, ...] = ()


class LimitSet(Entry):
    """Limits of one user; None: unlimited."""

    max_running: Annotated[int, Field(ge=1)] | None = None
    max_pending: Annotated[int, Field(ge=1)] | None = 1000
    max_gpus: Annotated[int, Field(ge=0)] | None = None
    max_upload_mb: Annotated[int, Field(ge=1)] = 512


class Catalog(Protocol):
    """What the rest of the service knows of a catalog."""

    def machines(self) -> list[MachineType]: ...

    def machine(self, name: str) -> MachineType | None: ...

    def images(self) -> list[ImageEntry]: ...

    def image(self, name: str) -> ImageEntry | None: ...

    def default_machine(self) -> MachineType: ...

    def default_image(self, *, notebook: bool) -> ImageEntry: ...

    def limits(self, user: str) -> LimitSet: ...

    def group_limits(self, group: str) -> LimitSet: ...
