"""What fits a platform whose size is known: pure arithmetic over cpus, memory and GPUs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..catalog import MachineType


@dataclass(frozen=True, slots=True)
class Held:
    """Something that holds capacity: a running job or a notebook."""

    owner: str
    group: str | None
    cpu: float
    memory_mb: int
    gpus: tuple[str, ...]
    is_job: bool
    machine: str = ""
    gpu_count: int = 0
    """How many GPUs it has in all, also where the platform decides which."""
    nodes: int = 1
    """On how many machines at once."""


@dataclass(frozen=True, slots=True)
class Room:
    """The platform's size: cpus, MiB and the UUIDs of its GPUs with their models."""

    cpu: float
    memory_mb: int
    gpus: dict[str, str] = field(default_factory=dict)

    def fits(self, machine: MachineType) -> bool:
        return self.less(()).takes(machine) is not None

    def less(self, held: Iterable[Held]) -> Free:
        held = list(held)
        taken = {gpu for h in held for gpu in h.gpus}
        return Free(
            self.cpu - sum(h.cpu for h in held),
            self.memory_mb - sum(h.memory_mb for h in held),
            {uuid: model for uuid, model in self.gpus.items() if uuid not in taken},
        )


@dataclass(slots=True)
class Free:
    """What is left of a room."""

    cpu: float
    memory_mb: int
    gpus: dict[str, str]

    def takes(self, machine: MachineType) -> list[str] | None:
        """The GPUs that a machine of this type would get, or None when there is no room."""
        wanted = (machine.gpu_model or "").lower()
        fit = [uuid for uuid, model in self.gpus.items() if wanted in model.lower()]
        if machine.cpu > self.cpu + 1e-9 or machine.memory_mb > self.memory_mb or machine.gpu > len(fit):
            return None
        return fit[: machine.gpu]

    def take(self, machine: MachineType, gpus: list[str]) -> None:
        self.cpu -= machine.cpu
        self.memory_mb -= machine.memory_mb
        for uuid in gpus:
            del self.gpus[uuid]

    def count(self, machine: MachineType) -> int:
        """How many more machines of this type fit."""
        room = Free(self.cpu, self.memory_mb, dict(self.gpus))
        if machine.gpu == 0:
            return max(0, int(min(room.cpu / machine.cpu + 1e-9, room.memory_mb // machine.memory_mb)))
        found = 0
        while (gpus := room.takes(machine)) is not None:
            room.take(machine, gpus)
            found += 1
        return found
