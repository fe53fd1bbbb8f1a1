"""The place of those who wait, in the scheduler's order, and what they are told."""

from __future__ import annotations

from typing import Any

import pytest

from outrider_service.backends.kubernetes import queue

GPU = "nvidia.com/gpu"


def pod(name: str, second: int = 0, priority: int = 0, job: str | None = None, **asked: str) -> dict[str, Any]:
    labels = {"outrider.dev/job": job, "outrider.dev/attempt": "1"} if job else {}
    time = f"2026-01-01T00:00:{second:02}Z"
    requests = {"cpu": "1", **asked}
    return {
        "metadata": {"name": name, "labels": labels, "creationTimestamp": time},
        "spec": {"priority": priority, "containers": [{"resources": {"requests": requests}}]},
        "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False"}]},
    }


def test_by_priority_then_age_then_as_they_came() -> None:
    order = order_of([pod("old", 1), pod("twin", 2), pod("brother", 2), pod("urgent", 3, priority=10)])
    assert [waiting.name for waiting in order] == ["urgent", "old", "twin", "brother"]
    assert queue.places(order) == {"urgent": 1, "old": 2, "twin": 3, "brother": 4}


def order_of(pods: list[dict[str, Any]]) -> list[queue.QueueEntry]:
    return queue.queue(filter(None, map(queue.waiting, pods)))


def test_several_machines_of_one_job_are_one_in_the_queue() -> None:
    job = "j0123456789ab"
    order = order_of([pod(f"{job}-{n}", 1, job=job) for n in range(3)] + [pod("notebook-alice", 2)])
    assert queue.places(order) == {f"{job}-1": 1, "notebook-alice": 2}


def test_who_has_a_machine_or_goes_away_is_not_in_it() -> None:
    placed = pod("placed")
    placed["spec"]["nodeName"] = "node-0"
    going = pod("going")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:09Z"
    assert order_of([placed, going]) == []


def test_who_wants_a_gpu_waits_behind_those_who_want_one_too() -> None:
    order = order_of([pod("large", 1), pod("gpu", 2, **{GPU: "1"}), pod("next", 3, **{GPU: "4"}), pod("last", 4)])  # type: ignore[arg-type]
    assert queue.places(order) == {"large": 1, "gpu": 1, "next": 2, "last": 4}


@pytest.mark.parametrize(
    ("devices", "number", "said"),
    [
        (frozenset(), 1, "Waiting for a free machine."),
        (frozenset(), 3, "Waiting for a free machine: 2 ahead."),
        (frozenset({GPU}), 3, "Waiting for a free GPU: 2 ahead."),
        (frozenset({"nvidia.com/mig-1g.10gb"}), None, "Waiting for a free GPU."),
        (frozenset({"example.org/license"}), 1, "Waiting for a free machine."),
    ],
)
def test_what_is_said(devices: frozenset[str], number: int | None, said: str) -> None:
    assert queue.sentence(devices, number) == said
