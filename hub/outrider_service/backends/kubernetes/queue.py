"""The pods that wait for a machine, in the scheduler's order: by priority, then by age. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .names import ref_of
from .nodes import requests
from .pod_status import unscheduled

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """An attempt (with all its pods) or a notebook server. ``devices``: requested resources other than CPU and
    memory."""

    name: str
    rank: tuple[int, str]
    devices: frozenset[str]


def owner_of(pod: Object) -> str:
    """The attempt that a pod belongs to, or the pod's own name."""
    ref = ref_of(pod)
    return str(pod["metadata"]["name"]) if ref is None else f"{ref.job_id}-{ref.number}"


def devices_of(spec: Object) -> frozenset[str]:
    return frozenset(name for name in requests(spec) if "/" in name)


def waiting(pod: Object) -> QueueEntry | None:
    """The pod's entry in the queue; None: it does not wait."""
    if not unscheduled(pod) or pod["metadata"].get("deletionTimestamp"):
        return None
    rank = (-int(pod["spec"].get("priority") or 0), str(pod["metadata"]["creationTimestamp"]))
    return QueueEntry(owner_of(pod), rank, devices_of(pod["spec"]))


def queue(found: Iterable[QueueEntry]) -> list[QueueEntry]:
    """The queue, from entries in the order in which pods were first seen: creation times have whole seconds, and that
    order breaks ties. An attempt's pods count as one."""
    first: dict[str, QueueEntry] = {}
    for one in found:
        first.setdefault(one.name, one)
    return sorted(first.values(), key=lambda one: one.rank)


def places(order: Iterable[QueueEntry]) -> dict[str, int]:
    """Positions by name; 1 is next. An entry that wants a GPU is behind others that want one, not behind those that do
    not."""
    found: dict[str, int] = {}
    before: Counter[frozenset[str]] = Counter()
    for waiting in order:
        ahead = (n for devices, n in before.items() if not waiting.devices or waiting.devices & devices)
        found[waiting.name] = 1 + sum(ahead)
        before[waiting.devices] += 1
    return found


def sentence(devices: frozenset[str], number: int | None) -> str:
    """A message for users about what is waited for."""
    what = "a free GPU" if any("gpu" in name or "mig" in name for name in devices) else "a free machine"
    return f"Waiting for {what}: {number - 1} ahead." if number and number > 1 else f"Waiting for {what}."
