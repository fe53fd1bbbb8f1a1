"""Who waits for a machine, in the order in which the scheduler takes them: by priority, then by age. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .names import ref_of
from .nodes import requests
from .reading import unscheduled

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
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


def queue(pods: Iterable[Object]) -> list[Waiting]:
    """``pods`` as they were first seen: their times have whole seconds, and among equals that order counts."""
    found: dict[str, Waiting] = {}
    for pod in pods:
        if unscheduled(pod) and not pod["metadata"].get("deletionTimestamp"):
            rank = (-int(pod["spec"].get("priority") or 0), str(pod["metadata"]["creationTimestamp"]))
            found.setdefault(owner_of(pod), Waiting(owner_of(pod), rank, devices_of(pod["spec"])))
    return sorted(found.values(), key=lambda waiting: waiting.rank)


def place(name: str, order: Iterable[Waiting]) -> int | None:
    """1 is next. Who waits for a GPU waits behind those who want one too, and not behind those who want none."""
    before: list[Waiting] = []
    for waiting in order:
        if waiting.name == name:
            return 1 + sum(not waiting.devices or bool(waiting.devices & other.devices) for other in before)
        before.append(waiting)
    return None


def sentence(devices: frozenset[str], number: int | None) -> str:
    """What is waited for, for a person."""
    what = "a free GPU" if any("gpu" in name or "mig" in name for name in devices) else "a free machine"
    return f"Waiting for {what}: {number - 1} ahead." if number and number > 1 else f"Waiting for {what}."
