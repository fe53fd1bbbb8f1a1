"""Reads Kueue's objects: the order in which Jobs wait, what each waits for, and the free quota. Pure.

Kueue creates a Workload for each Job in one of its queues. The Job stays suspended until the ClusterQueue behind its
LocalQueue has enough quota. Formats: https://kueue.sigs.k8s.io/docs/reference/kueue.v1beta1/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from ..base import Capacity
from .nodes import quantity

Object = dict[str, Any]

BEYOND_QUOTA: Final = re.compile(r"maximum capacity|unavailable in ClusterQueue")
"""Kueue's messages for a workload that could never be admitted."""
PREAMBLE: Final = re.compile(r"couldn't assign flavors to pod set [^:]+: ")


def job_of(workload: Object) -> str | None:
    """The name of the Job behind a Workload."""
    owners = workload["metadata"].get("ownerReferences") or []
    return next((str(owner["name"]) for owner in owners if owner.get("kind") == "Job"), None)


def waits(workload: Object) -> bool:
    """Whether it waits for admission."""
    return not _holds(workload, "QuotaReserved") and not _holds(workload, "Finished")


def order(workloads: Iterable[Object], queue: str) -> list[str]:
    """The names of the Jobs that wait in a queue, in Kueue's order: priority, then age."""
    waiting = [w for w in workloads if w["spec"].get("queueName") == queue and waits(w)]
    waiting.sort(key=lambda w: (-int(w["spec"].get("priority") or 0), w["metadata"]["creationTimestamp"]))
    return [name for workload in waiting if (name := job_of(workload)) is not None]


def obstacle(workload: Object) -> str:
    """Why it is not admitted, in Kueue's words; empty before Kueue's first attempt."""
    condition = _condition(workload, "QuotaReserved")
    return PREAMBLE.sub("", str(condition.get("message") or ""))[:500]


def never(workload: Object) -> str | None:
    """Why even the empty queue could not admit it, or None."""
    text = obstacle(workload)
    return text if waits(workload) and BEYOND_QUOTA.search(text) else None


def eviction(workload: Object | None) -> str | None:
    """Why Kueue evicted it, until it is admitted again; or None."""
    if workload is None or not _holds(workload, "Evicted"):
        return None
    return str(_condition(workload, "Evicted").get("message") or "Kueue took its machine back")


def room(cluster_queue: Object, amounts: dict[str, float]) -> Capacity:
    """How many pods with these amounts fit into the quota, empty and now; None: no limit.

    A pod takes one flavor of each resource group. Flavors' labels are ignored: node selection is not a matter of quota.
    """
    spec = cluster_queue["spec"]
    lends = bool(spec.get("cohort") or spec.get("cohortName"))
    reserved = {
        (flavor["name"], resource["name"]): quantity(resource.get("total") or 0)
        for flavor in (cluster_queue.get("status") or {}).get("flavorsReservation") or []
        for resource in flavor.get("resources") or []
    }
    total: float | None = None
    free: float | None = None
    covered: set[str] = set()
    for group in spec.get("resourceGroups") or []:
        asked = {name: amounts[name] for name in group["coveredResources"] if amounts.get(name)}
        covered |= asked.keys()
        if not asked:
            continue
        sizes = [_sizes(flavor, asked, lends) for flavor in group["flavors"]]
        here = sum(_count(size, asked) for size in sizes)
        left = sum(
            _count({name: most - reserved.get((flavor["name"], name), 0.0) for name, most in size.items()}, asked)
            for flavor, size in zip(group["flavors"], sizes, strict=True)
        )
        total = here if total is None else min(total, here)
        free = left if free is None else min(free, left)
    if {name for name, amount in amounts.items() if amount} - covered:
        return Capacity(0, 0)
    return Capacity(_whole(total), _whole(free))


def least(one: Capacity, other: Capacity) -> Capacity:
    """The smaller of two limits."""

    def smaller(a: int | None, b: int | None) -> int | None:
        known = [value for value in (a, b) if value is not None]
        return min(known) if known else None

    return Capacity(smaller(one.total, other.total), smaller(one.free, other.free))


def _sizes(flavor: Object, asked: dict[str, float], lends: bool) -> dict[str, float]:
    """A flavor's amount of each resource, including what may be borrowed from the cohort."""
    found = dict.fromkeys(asked, 0.0)
    for resource in flavor.get("resources") or []:
        if resource["name"] in asked:
            borrowed = 0.0
            if lends:
                limit = resource.get("borrowingLimit")
                borrowed = float("inf") if limit is None else quantity(limit)
            found[resource["name"]] = quantity(resource["nominalQuota"]) + borrowed
    return found


def _count(size: dict[str, float], asked: dict[str, float]) -> float:
    most = min(size[name] / amount for name, amount in asked.items())
    return most if most == float("inf") else max(0, int(most + 1e-9))


def _whole(number: float | None) -> int | None:
    return None if number is None or number == float("inf") else int(number)


def _condition(thing: Object, kind: str) -> Object:
    conditions = (thing.get("status") or {}).get("conditions") or []
    found: Object = next((one for one in conditions if one["type"] == kind), {})
    return found


def _holds(thing: Object, kind: str) -> bool:
    return bool(_condition(thing, kind).get("status") == "True")
