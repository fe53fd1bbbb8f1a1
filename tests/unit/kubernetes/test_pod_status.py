"""From what Kubernetes shows to the reason that a person is told."""

from __future__ import annotations

from typing import Any

import pytest

from outrider_service.backends.base import Phase
from outrider_service.backends.kubernetes.pod_status import observation

NOW = 1_800_001_000.0
T0, T1, T2 = "2027-01-15T08:00:00Z", "2027-01-15T08:01:00Z", "2027-01-15T08:02:00Z"


def job(condition: str | None = None, *, nodes: int = 1, **spec: Any) -> dict[str, Any]:
    conditions = [{"type": condition, "status": "True", "lastTransitionTime": T2}] if condition else []
    return {
        "metadata": {},
        "spec": {"completions": nodes, **spec},
        "status": {"conditions": conditions, "startTime": T0},
    }


def pod(index: int = 0, *, main: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    metadata = status.pop("metadata", {})
    conditions = [{"type": kind, "status": "True", **rest} for kind, rest in status.pop("conditions", {}).items()]
    containers = [{"name": "job", "image": "i", "state": main}] if main else []
    return {
        "metadata": {
            "uid": f"u{index}",
            "annotations": {"batch.kubernetes.io/job-completion-index": str(index)},
            "creationTimestamp": T0,
            **metadata,
        },
        "spec": {"nodeName": f"n{index}", "containers": [{"name": "job", "image": "team/image:1"}]},
        "status": {"conditions": conditions, "containerStatuses": containers, **status},
    }


def terminated(code: int, reason: str = "Error", at: str = T1) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": T0, "finishedAt": at}}


def see(job: dict[str, Any] | None, *pods: dict[str, Any], since: float = NOW) -> tuple[Any, ...]:
    found = observation(job, pods, {f"u{n}": since for n in range(3)}, NOW)
    return found.phase, found.exit_code, found.reason


DISRUPTED = {"metadata": {"deletionTimestamp": T1, "deletionGracePeriodSeconds": 10}}
ENDS = {
    "well": (job("Complete"), [pod(main=terminated(0, "Completed"))], (Phase.EXITED, 0, None)),
    "badly": (job("Failed"), [pod(main=terminated(3))], (Phase.EXITED, 3, None)),
    "without a trace": (job("Complete"), [], (Phase.EXITED, 0, None)),
    "out of memory": (job("Failed"), [pod(main=terminated(137, "OOMKilled"))], (Phase.EXITED, 137, "out_of_memory")),
    "a child out of memory, and it went on": (
        job("Complete"),
        [pod(main=terminated(0, "OOMKilled"))],
        (Phase.EXITED, 0, None),
    ),
    "deleted by somebody": (
        job("Failed"),
        [pod(main=terminated(143), **DISRUPTED)],  # type: ignore[arg-type]
        (Phase.LOST, None, "platform_error"),
    ),
    "deleted by somebody, and the kubelet is done with it": (
        job("Failed"),
        [pod(main=terminated(143), metadata={"deletionTimestamp": T1, "deletionGracePeriodSeconds": 0})],
        (Phase.LOST, None, "platform_error"),
    ),
    "ended before it was deleted": (
        job("Failed"),
        [pod(main=terminated(4, at=T0), **DISRUPTED)],  # type: ignore[arg-type]
        (Phase.EXITED, 4, None),
    ),
    "stopped": (
        job("Failed", activeDeadlineSeconds=1),
        [pod(main=terminated(143), **DISRUPTED)],  # type: ignore[arg-type]
        (Phase.EXITED, 143, None),
    ),
    "stopped, and it ended well": (
        job("Failed", activeDeadlineSeconds=1),
        [pod(main=terminated(0), **DISRUPTED)],  # type: ignore[arg-type]
        (Phase.EXITED, 0, None),
    ),
    "stopped before it had a pod": (job("Failed", activeDeadlineSeconds=1), [], (Phase.EXITED, 143, None)),
    "gone with its pod": (job("Failed"), [], (Phase.LOST, None, "platform_error")),
    "preempted": (
        job("Failed"),
        [pod(main=terminated(137), conditions={"DisruptionTarget": {"reason": "PreemptionByScheduler"}})],
        (Phase.LOST, None, "preempted"),
    ),
    "drained": (
        job("Failed"),
        [pod(main=terminated(143), conditions={"DisruptionTarget": {"reason": "EvictionByEvictionAPI"}})],
        (Phase.LOST, None, "preempted"),
    ),
    "its node went away": (
        job("Failed"),
        [pod(conditions={"DisruptionTarget": {"reason": "DeletionByPodGC"}})],
        (Phase.LOST, None, "node_lost"),
    ),
    "its node shut down": (
        job("Failed"),
        [pod(phase="Failed", reason="NodeShutdown")],
        (Phase.LOST, None, "node_lost"),
    ),
    "its node would not have it": (
        job("Failed"),
        [pod(phase="Failed", reason="OutOfcpu", message="Pod was rejected")],
        (Phase.LOST, None, "platform_error"),
    ),
    "one of two badly, the other because of it": (
        job("Failed", nodes=2),
        [pod(0, main=terminated(143, at=T2), **DISRUPTED), pod(1, main=terminated(7))],
        (Phase.EXITED, 7, None),
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_an_attempt_ends(name: str) -> None:
    over, pods, wanted = ENDS[name]
    assert see(over, *pods) == wanted


def test_no_job_is_absent() -> None:
    assert see(None) == (Phase.ABSENT, None, None)


def test_it_runs_when_every_machine_runs() -> None:
    up = {"running": {"startedAt": T1}}
    assert see(job(nodes=2), pod(0, main=up)) == (Phase.STARTING, None, None)
    found = observation(job(nodes=2), [pod(0, main=up), pod(1, main={"running": {"startedAt": T2}})], {}, NOW)
    assert found.phase is Phase.RUNNING
    assert found.started_at == observation(job(), [pod(0, main={"running": {"startedAt": T2}})], {}, NOW).started_at


@pytest.mark.parametrize(
    ("reason", "message", "waited", "given_up"),
    [
        ("ErrImagePull", "manifest unknown: not found", 0, True),
        ("ErrImagePull", "401 unauthorized", 0, True),
        ("InvalidImageName", "", 0, True),
        ("ErrImagePull", "i/o timeout", 5, False),
        ("ImagePullBackOff", "Back-off pulling image", 200, True),
    ],
)
def test_an_image_is_given_up_when_it_cannot_come(reason: str, message: str, waited: float, given_up: bool) -> None:
    waiting = pod(main={"waiting": {"reason": reason, "message": message}})
    found = observation(job(), [waiting], {"u0": NOW - waited}, NOW)
    if given_up:
        assert (found.phase, found.reason) == (Phase.LOST, "image_pull_failed")
        assert "team/image:1" in (found.message or "")
    else:
        assert found.phase is Phase.STARTING
        assert "cannot be pulled yet" in (found.message or "")


def test_a_missing_secret_is_told_after_a_moment() -> None:
    broken = pod(main={"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "x" not found'}})
    assert see(job(), broken) == (Phase.STARTING, None, None)
    assert see(job(), broken, since=NOW - 60) == (Phase.LOST, None, "platform_error")


def test_a_node_out_of_reach_is_not_waited_for() -> None:
    lost = pod(
        main={"running": {"startedAt": T0}},
        conditions={"DisruptionTarget": {"reason": "DeletionByTaintManager"}},
        metadata={"deletionTimestamp": T1},
    )
    assert see(job(), lost) == (Phase.LOST, None, "node_lost")
