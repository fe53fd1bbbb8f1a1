"""A catalog in memory, because every submission looks things up in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .model import ImageEntry, LimitSet, MachineType

EVERYBODY = ""
"""Owner of the entries that an admin keeps."""


class Listing:
    """The catalog as it is now, by name. Implements ``Catalog``."""

    def __init__(
        self,
        machines: Iterable[MachineType] = (),
        images: Iterable[ImageEntry] = (),
        limits: Mapping[str, LimitSet] | None = None,
        own_images: Mapping[str, Iterable[ImageEntry]] | None = None,
    ) -> None:
        self._machines = {machine.name: machine for machine in machines}
        self._images = {EVERYBODY: {image.name: image for image in images}}
        for owner, own in (own_images or {}).items():
            self._images[owner] = {image.name: image for image in own}
        self._limits = dict(limits or {})

    def machines(self) -> list[MachineType]:
        return [machine for machine in self._machines.values() if machine.enabled]

    def machine(self, name: str) -> MachineType | None:
        return self._machines.get(name)

    def images(self, owner: str | None = None) -> list[ImageEntry]:
        shared = self._images[EVERYBODY]
        own = self._images.get(owner, {}) if owner else {}
        found = [*shared.values(), *(image for name, image in own.items() if name not in shared)]
        return [image for image in found if image.enabled]

    def image(self, name: str, owner: str | None = None) -> ImageEntry | None:
        shared = self._images[EVERYBODY].get(name)
        return shared or (self._images.get(owner, {}).get(name) if owner else None)

    @property
    def has_budgets(self) -> bool:
        return any(limits.budget_per_month is not None for limits in self._limits.values())

    def limits(self, user: str) -> LimitSet:
        """The user's own limits if set, else the default. Limits of a group apply to the group as a whole."""
        return self._limits.get(f"user:{user}") or self._limits.get("default") or LimitSet()

    def group_limits(self, group: str) -> LimitSet:
        return self._limits.get(f"group:{group}") or LimitSet(max_pending=None)
