"""A catalog read from a YAML file: images, machine types, limits and the size of the local machine."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from .model import ImageEntry, LimitSet, MachineType


class LocalCapacity(BaseModel):
    """What the local platform hands out; None: what the machine has."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    cpu: float | None = Field(default=None, gt=0)
    memory_mb: int | None = Field(default=None, gt=0)


class CatalogFile(BaseModel):
    """The file as a whole; ``limits`` holds "default", and "user:NAME" or "group:NAME" for exceptions."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    images: tuple[ImageEntry, ...] = Field(min_length=1)
    machines: tuple[MachineType, ...] = Field(min_length=1)
    limits: dict[str, LimitSet] = Field(default_factory=dict)
    local: LocalCapacity = LocalCapacity()

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        for kind, entries in (("image", self.images), ("machine", self.machines)):
            names = [entry.name for entry in entries]
            doubled = sorted({name for name in names if names.count(name) > 1})
            if doubled:
                raise ValueError(f"{kind} named twice: {', '.join(doubled)}")
        for key in self.limits:
            if key != "default" and not key.startswith(("user:", "group:")):
                raise ValueError(f"limits: {key!r} is neither default nor user:NAME nor group:NAME")
        return self


class ConfiguredCatalog:
    """The catalog of a file; it changes only with a restart."""

    def __init__(self, content: CatalogFile) -> None:
        self.content = content
        self._machines = {machine.name: machine for machine in content.machines}
        self._images = {image.name: image for image in content.images}

    def machines(self) -> list[MachineType]:
        return list(self.content.machines)

    def machine(self, name: str) -> MachineType | None:
        return self._machines.get(name)

    def images(self) -> list[ImageEntry]:
        return list(self.content.images)

    def image(self, name: str) -> ImageEntry | None:
        return self._images.get(name)

    def default_machine(self) -> MachineType:
        return self.content.machines[0]

    def default_image(self, *, notebook: bool) -> ImageEntry:
        fit = (i for i in self.content.images if (i.for_notebooks if notebook else i.for_jobs))
        return next(fit, self.content.images[0])

    def limits(self, user: str) -> LimitSet:
        """The user's own limits if set, else the default. (Limits of groups hold for the group as a whole.)"""
        default = self.content.limits.get("default", LimitSet())
        return self.content.limits.get(f"user:{user}", default)

    def group_limits(self, group: str) -> LimitSet:
        return self.content.limits.get(f"group:{group}", LimitSet(max_pending=None))


def load_catalog(path: Path) -> ConfiguredCatalog:
    """Read and check a catalog file. Raises ValueError with the offending field's name."""
    with path.open(encoding="utf-8") as file:
        data = yaml.safe_load(file)
    return ConfiguredCatalog(CatalogFile.model_validate(data))
