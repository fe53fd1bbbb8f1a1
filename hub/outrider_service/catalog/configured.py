"""A catalog read from a YAML file: images, machine types, limits and the size of the local machine."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from .listing import Listing
from .model import ImageEntry, LimitSet, MachineType


def is_subject(key: str) -> bool:
    """Whether limits can be set for this: "default", "user:NAME" or "group:NAME"."""
    kind, colon, name = key.partition(":")
    return key == "default" or (bool(colon and name) and kind in ("user", "group"))


class LocalCapacity(BaseModel):
    """The capacity of the local platform; None: all that the machine has."""

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
            if not is_subject(key):
                raise ValueError(f"limits: {key!r} is neither default nor user:NAME nor group:NAME")
        return self


class ConfiguredCatalog(Listing):
    """The catalog of a file; it changes only with a restart."""

    def __init__(self, content: CatalogFile) -> None:
        self.content = content
        super().__init__(content.machines, content.images, content.limits)


def load_catalog(path: Path) -> ConfiguredCatalog:
    """Read and check a catalog file. Raises ValueError with the offending field's name."""
    with path.open(encoding="utf-8") as file:
        data = yaml.safe_load(file)
    return ConfiguredCatalog(CatalogFile.model_validate(data))
