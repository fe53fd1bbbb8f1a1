"""Who waits for a machine, in the order in which the scheduler takes them: by priority, then by age. Pure."""

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
    """A job's attempt (with all its pods) or a notebook server. ``devices``: what of it is not processor or memory."""

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
    """What a pod counts as in the queue; None: it does not wait."""
    if not unscheduled(pod) or pod["metadata"].get("deletionTimestamp"):
        return None
    rank = (-int(pod["spec"].get("priority") or 0), str(pod["metadata"]["creationTimestamp"]))
    return QueueEntry(owner_of(pod), rank, devices_of(pod["spec"]))


def queue(found: Iterable[QueueEntry]) -> list[QueueEntry]:
    """Of pods as they were first seen: their times have whole seconds, and among equals that order counts. Those of one
    attempt are one."""
    first: dict[str, QueueEntry] = {}
    for one in found:
        first.setdefault(one.name, one)
    return sorted(first.values(), key=lambda one: one.rank)


def places(order: Iterable[QueueEntry]) -> dict[str, int]:
    """By name; 1 is next. Who waits for a GPU waits behind those who want one too, not behind those who want none."""
    found: dict[str, int] = {}
    before: Counter[frozenset[str]] = Counter()
    for waiting in order:
        ahead = (n for devices, n in before.items() if not waiting.devices or waiting.devices & devices)
        found[waiting.name] = 1 + sum(ahead)
        before[waiting.devices] += 1
    return found


def sentence(devices: frozenset[str], number: int | None) -> str:
    """What is waited for, for a person."""
    what = "a free GPU" if any("gpu" in name or "mig" in name for name in devices) else "a free machine"
    return f"Waiting for {what}: {number - 1} ahead." if number and number > 1 else f"Waiting for {what}."
