"""What a user may choose from the catalog. Raises ``RequestRefused``, which names the field."""

from __future__ import annotations

from ..auth import Caller
from .model import Catalog, ImageEntry, MachineType


class RequestRefused(Exception):
    """The request cannot be accepted; ``kind`` is invalid, forbidden, conflict or full."""

    def __init__(self, kind: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.field = field


def allowed_machine(catalog: Catalog, name: str | None, caller: Caller) -> MachineType:
    """The requested machine type, or the first one. A type that the caller may not use is reported as unknown."""
    usable = [machine for machine in catalog.machines() if may_use(machine.groups, caller)]
    found = next((machine for machine in usable if name in (None, machine.name)), None)
    if found is not None:
        return found
    known = ", ".join(machine.name for machine in usable) or "none that you may use"
    wanted = "machine type" if name is None else f"machine type {name!r}"
    raise RequestRefused("invalid", f"machine: there is no {wanted}; there are {known}", "machine")


def allowed_image(catalog: Catalog, name: str | None, caller: Caller, *, notebook: bool) -> ImageEntry:
    """The requested image, or the first one, among the shared images and the caller's own."""
    usable = [
        image
        for image in catalog.images(caller.name)
        if may_use(image.groups, caller) and (image.for_notebooks if notebook else image.for_jobs)
    ]
    found = next((image for image in usable if name in (None, image.name)), None)
    if found is not None:
        return found
    known = ", ".join(image.name for image in usable) or "none that you may use"
    wanted = "image" if name is None else f"image {name!r}"
    raise RequestRefused("invalid", f"image: there is no {wanted}; there are {known}", "image")


def may_use(groups: tuple[str, ...], caller: Caller) -> bool:
    return not groups or caller.admin or bool(set(groups) & set(caller.groups))
