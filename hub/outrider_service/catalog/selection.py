"""What a person may choose from the catalog. Raises ``Refused`` with the field at fault; handlers turn it into HTTP."""

from __future__ import annotations

from ..auth import Caller
from .model import Catalog, ImageEntry, MachineType


class Refused(Exception):
    """A submission that cannot be taken; ``kind`` is invalid, forbidden, conflict or full."""

    def __init__(self, kind: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.field = field


def allowed_machine(catalog: Catalog, name: str | None, caller: Caller) -> MachineType:
    """The machine type asked for, or the first. One that the caller may not use looks unknown."""
    usable = [machine for machine in catalog.machines() if may_use(machine.groups, caller)]
    found = next((machine for machine in usable if name in (None, machine.name)), None)
    if found is not None:
        return found
    known = ", ".join(machine.name for machine in usable) or "none for you"
    wanted = "machine type" if name is None else f"machine type {name!r}"
    raise Refused("invalid", f"machine: there is no {wanted}; there are {known}", "machine")


def allowed_image(catalog: Catalog, name: str | None, caller: Caller, *, notebook: bool) -> ImageEntry:
    """The image asked for, or the first: of everybody's, and of the caller's own."""
    usable = [
        image
        for image in catalog.images(caller.name)
        if may_use(image.groups, caller) and (image.for_notebooks if notebook else image.for_jobs)
    ]
    found = next((image for image in usable if name in (None, image.name)), None)
    if found is not None:
        return found
    known = ", ".join(image.name for image in usable) or "none for you"
    wanted = "image" if name is None else f"image {name!r}"
    raise Refused("invalid", f"image: there is no {wanted}; there are {known}", "image")


def may_use(groups: tuple[str, ...], caller: Caller) -> bool:
    return not groups or caller.admin or bool(set(groups) & set(caller.groups))
