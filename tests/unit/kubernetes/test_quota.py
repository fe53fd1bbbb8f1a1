"""Kueue's objects: who waits where, for what, and how much a quota leaves."""

from __future__ import annotations

from typing import Any

import pytest

from outrider_service.backends.base import Capacity
from outrider_service.backends.kubernetes import quota

GB = 2.0**30
PREAMBLE = "couldn't assign flavors to pod set main: "
POD = {"cpu": 0.5, "memory": GB}


def workload(job: str, *, priority: int = 0, at: int = 0, queue: str = "lab", **conditions: Any) -> dict[str, Any]:
    found = [
        {"type": kind, "status": "True" if value is True else "False", "message": "" if value is True else value}
        for kind, value in conditions.items()
    ]
    return {
        "metadata": {
            "name": f"job-{job}",
            "ownerReferences": [{"kind": "Job", "name": job}],
            "creationTimestamp": f"2026-01-01T00:00:{at:02}Z",
        },
        "spec": {"queueName": queue, "priority": priority},
        "status": {"conditions": found},
    }


def cluster_queue(*flavors: dict[str, Any], reserved: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "spec": {"resourceGroups": [{"coveredResources": ["cpu", "memory"], "flavors": list(flavors)}], **spec},
        "status": {
            "flavorsReservation": [
                {"name": name, "resources": [{"name": key, "total": value} for key, value in used.items()]}
                for name, used in (reserved or {}).items()
            ]
        },
    }


def flavor(name: str, cpu: str, memory: str, **more: str) -> dict[str, Any]:
    return {
        "name": name,
        "resources": [{"name": "cpu", "nominalQuota": cpu, **more}, {"name": "memory", "nominalQuota": memory, **more}],
    }


def test_who_waits_is_ordered_by_priority_and_age() -> None:
    found = [
        workload("late", at=9),
        workload("early", at=1),
        workload("urgent", at=5, priority=10),
        workload("in", QuotaReserved=True),
        workload("over", Finished=True),
        workload("elsewhere", queue="other"),
    ]
    assert quota.order(found, "lab") == ["urgent", "early", "late"]


def test_the_obstacle_is_kueue_s_without_its_preamble() -> None:
    said = (
        "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor small, 300m more needed"
    )
    short = workload("x", QuotaReserved=said)
    assert quota.obstacle(short) == "insufficient unused quota for cpu in flavor small, 300m more needed"
    assert quota.never(short) is None


@pytest.mark.parametrize(
    "said",
    [
        "insufficient quota for cpu in flavor a, request > maximum capacity (5 > 1)",
        "resource nvidia.com/gpu unavailable in ClusterQueue",
    ],
)
def test_what_no_quota_could_hold_is_never_let_in(said: str) -> None:
    assert quota.never(workload("x", QuotaReserved=PREAMBLE + said)) == said


def test_room_is_what_is_left_of_each_flavor() -> None:
    queue = cluster_queue(
        flavor("a", "1", "8Gi"), flavor("b", "2", "1Gi"), reserved={"a": {"cpu": "600m", "memory": 0}}
    )
    # Two by a's processors, one by b's memory; one of a's is taken.
    assert quota.room(queue, POD) == Capacity(3, 1)


def test_what_the_quota_does_not_know_has_no_room() -> None:
    assert quota.room(cluster_queue(flavor("a", "1", "8Gi")), {**POD, "nvidia.com/gpu": 1}) == Capacity(0, 0)


def test_a_cohort_lends_without_a_limit_or_up_to_one() -> None:
    assert quota.room(cluster_queue(flavor("a", "1", "8Gi"), cohortName="all"), POD) == Capacity(None, None)
    limited = cluster_queue(flavor("a", "1", "8Gi", borrowingLimit="1"), cohort="all")
    assert quota.room(limited, {"cpu": 0.5}) == Capacity(4, 4)


def test_who_was_pushed_out_is_told_until_let_in_again() -> None:
    said = {"type": "Evicted", "status": "True", "message": "Preempted to accommodate a workload"}
    out = workload("x")
    out["status"]["conditions"] = [said]
    assert quota.eviction(out) == "Preempted to accommodate a workload"
    said["status"] = "False"
    assert quota.eviction(out) is None
    assert quota.eviction(None) is None


def test_the_smaller_of_two_limits_holds() -> None:
    assert quota.least(Capacity(4, 2), Capacity(None, 3)) == Capacity(4, 2)
    assert quota.least(Capacity(None, None), Capacity(2, 0)) == Capacity(2, 0)
