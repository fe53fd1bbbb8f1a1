"""Decides which pending jobs start next, where the service is the queue: strictly by priority, then by age. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from ..catalog import LimitSet, MachineType
from .room import Held, Room


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job in the queue."""

    id: str
    owner: str
    group: str | None
    machine: str
    priority: int
    created_at: float
    nodes: int = 1
    """How many machines it uses at once."""


class Limits(Protocol):
    def __call__(self, name: str, /) -> LimitSet: ...


@dataclass(slots=True)
class _Used:
    running: int = 0
    gpus: int = 0
    machines: Counter[str] = field(default_factory=Counter)

    def allows_more(self, machine: MachineType, nodes: int) -> bool:
        return machine.max_per_user is None or self.machines[machine.name] + nodes <= machine.max_per_user

    def allows(self, limits: LimitSet, gpus: int) -> bool:
        if limits.max_running is not None and self.running >= limits.max_running:
            return False
        return limits.max_gpus is None or self.gpus + gpus <= limits.max_gpus


@dataclass(frozen=True, slots=True)
class Placement:
    """A job that may start now, with the GPUs it gets."""

    job_id: str
    machine: MachineType
    gpus: list[str]


@dataclass(slots=True)
class Plan:
    """The result of one pass over the queue."""

    placed: list[Placement] = field(default_factory=list)
    impossible: list[str] = field(default_factory=list)
    full: bool = False
    """Whether the pass reached a job that does not fit; none behind it may start."""


def in_order(queue: Iterable[QueuedJob]) -> list[QueuedJob]:
    return sorted(queue, key=lambda job: (-job.priority, job.created_at, job.id))


def plan(
    queue: Iterable[QueuedJob],
    held: Iterable[Held],
    room: Room | None,
    machine_of: Callable[[str], MachineType | None],
    user_limits: Limits,
    group_limits: Limits,
) -> Plan:
    """Place jobs in order until the first that does not fit: a large job is never overtaken by smaller ones.

    A job that is held back by its user's or group's limit does not block others. ``room`` None: the platform itself
    queues, and only limits hold anybody back.
    """
    held = list(held)
    free = room.less(held) if room is not None else None
    users: dict[str, _Used] = {}
    groups: dict[str, _Used] = {}
    for item in held:
        _count(users, groups, item, max(item.gpu_count, len(item.gpus)), running=item.is_job)
    result = Plan()
    for job in in_order(queue):
        machine = machine_of(job.machine)
        if machine is None or (room is not None and not room.fits(machine)):
            result.impossible.append(job.id)
            continue
        used, wanted = users.setdefault(job.owner, _Used()), machine.gpu * job.nodes
        if not used.allows(user_limits(job.owner), wanted) or not used.allows_more(machine, job.nodes):
            continue
        if job.group and not groups.setdefault(job.group, _Used()).allows(group_limits(job.group), wanted):
            continue
        gpus = free.takes(machine) if free is not None else []
        if gpus is None:
            result.full = True
            break
        if free is not None:
            free.take(machine, gpus)
        _count(users, groups, job, wanted, running=True)
        result.placed.append(Placement(job.id, machine, gpus))
    return result


def _count(
    users: dict[str, _Used], groups: dict[str, _Used], item: Held | QueuedJob, gpus: int, *, running: bool
) -> None:
    both = [users.setdefault(item.owner, _Used())] + ([groups.setdefault(item.group, _Used())] if item.group else [])
    for used in both:
        used.running += running
        used.gpus += gpus
        used.machines[item.machine] += item.nodes
