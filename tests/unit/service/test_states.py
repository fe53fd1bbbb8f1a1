"""The rules of a job's life: what is wanted and seen, to what is done next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from outrider_service.backends.base import Observation, Phase
from outrider_service.jobs.model import JobRecord, billed_seconds, cost, new_job_id
from outrider_service.jobs.outcome import Ended, again, outcome
from outrider_service.jobs.states import Running, Start, Stop, Wait, next_step
from outrider_service.schema.jobs import Reason, Status

JOB = JobRecord(
    id="j000000000000",
    name="n",
    owner="alice",
    owner_groups=[],
    group_name=None,
    project=None,
    experiment=None,
    cluster="default",
    machine="small",
    image="python",
    image_digest=None,
    spec={"timeout_s": None, "retries": 0},
    priority=0,
    price_per_hour=3.6,
    parent_id=None,
    idempotency_key=None,
    idempotency_hash=None,
    status=Status.PROVISIONING,
    desired="run",
    stop_reason=None,
    reason=None,
    exit_code=None,
    message=None,
    attempt=1,
    retries_used=0,
    requeues_used=0,
    not_before=0.0,
    commit_hash=None,
    progress=None,
    billed_s=0.0,
    created_at=0.0,
    started_at=None,
    finished_at=None,
)
RUNNING = replace(JOB, status=Status.RUNNING, started_at=100.0)


def seen(phase: Phase, **more: Any) -> Observation:
    return Observation(phase, **more)


@pytest.mark.parametrize(
    ("job", "look", "now", "step"),
    [
        (JOB, seen(Phase.ABSENT), 0, Start()),
        (JOB, seen(Phase.STARTING), 0, Wait(60.0)),
        (JOB, seen(Phase.RUNNING, started_at=100.0, node="n"), 101, Running(100.0, "n")),
        (JOB, seen(Phase.EXITED, started_at=100.0, exit_code=0), 101, Running(100.0, None)),
        (RUNNING, seen(Phase.RUNNING, started_at=100.0), 101, Wait(60.0)),
        (replace(RUNNING, spec={"timeout_s": 30}), seen(Phase.RUNNING, started_at=100.0), 110, Wait(20.01)),
        (replace(RUNNING, spec={"timeout_s": 30}), seen(Phase.RUNNING, started_at=100.0), 130, Stop(Reason.TIMED_OUT)),
        (replace(RUNNING, desired="stop"), seen(Phase.RUNNING, started_at=100.0), 1, Stop(Reason.CANCELLED_BY_USER)),
        (replace(RUNNING, desired="delete"), seen(Phase.RUNNING, started_at=100.0), 1, Stop(Reason.CANCELLED_BY_USER)),
        (replace(RUNNING, stop_reason="over_budget"), seen(Phase.STARTING), 1, Stop(Reason.OVER_BUDGET)),
    ],
)
def test_next_step(job: JobRecord, look: Observation, now: float, step: Any) -> None:
    found = next_step(job, look, now, None)
    if isinstance(step, Wait):
        assert isinstance(found, Wait)
        assert found.seconds == pytest.approx(step.seconds)
    else:
        assert found == step


@pytest.mark.parametrize(
    ("changes", "look", "workspace_error", "status", "reason"),
    [
        ({}, {"exit_code": 0}, None, "succeeded", "exited"),
        ({}, {"exit_code": 1}, None, "failed", "exited"),
        ({}, {"exit_code": 137, "reason": "out_of_memory"}, None, "failed", "out_of_memory"),
        ({}, {"exit_code": 125}, "No such repository.", "failed", "workspace_failed"),
        ({}, {"reason": "platform_error"}, None, "failed", "platform_error"),
        ({}, {"reason": "node_lost"}, None, "failed", "node_lost"),
        ({}, {}, None, "failed", "platform_error"),
        ({"desired": "stop"}, {"exit_code": 143}, None, "cancelled", "cancelled_by_user"),
        ({"desired": "stop"}, {"exit_code": 0}, None, "cancelled", "cancelled_by_user"),
        ({"desired": "stop", "stop_reason": "over_budget"}, {"exit_code": 143}, None, "cancelled", "over_budget"),
        ({"stop_reason": "timed_out", "spec": {"timeout_s": 5}}, {"exit_code": 143}, None, "failed", "timed_out"),
    ],
)
def test_outcomes(
    changes: dict[str, Any], look: dict[str, Any], workspace_error: str | None, status: str, reason: str
) -> None:
    end = outcome(replace(RUNNING, **changes), seen(Phase.EXITED, **look), workspace_error)
    assert (end.status, end.reason) == (status, reason)
    assert end.message.endswith((".", ")")), "a sentence for a person"


def test_a_running_attempt_that_vanished_is_the_platforms_fault() -> None:
    end = next_step(RUNNING, seen(Phase.ABSENT), 0, None)
    assert isinstance(end, Ended)
    assert end.reason is Reason.PLATFORM_ERROR


@pytest.mark.parametrize(
    ("reason", "changes", "repeats"),
    [
        (Reason.EXITED, {}, False),
        (Reason.EXITED, {"spec": {"retries": 2}}, True),
        (Reason.EXITED, {"spec": {"retries": 2}, "retries_used": 2}, False),
        (Reason.OUT_OF_MEMORY, {"spec": {"retries": 2}}, False),
        (Reason.TIMED_OUT, {"spec": {"retries": 2}}, False),
        (Reason.WORKSPACE_FAILED, {"spec": {"retries": 2}}, False),
        (Reason.NODE_LOST, {}, True),
        (Reason.PREEMPTED, {"requeues_used": 2}, True),
        (Reason.PLATFORM_ERROR, {"requeues_used": 3}, False),
        (Reason.PLATFORM_ERROR, {"desired": "stop"}, False),
    ],
)
def test_what_runs_again(reason: Reason, changes: dict[str, Any], repeats: bool) -> None:
    end = Ended(Status.FAILED, reason, 1, "It failed.", 0.0, 1.0)
    found = again(replace(RUNNING, **changes), end, now=50.0)
    assert (found is not None) is repeats
    if found is not None:
        assert found.not_before > 50.0


def test_requeues_do_not_use_up_retries() -> None:
    job = replace(RUNNING, spec={"retries": 1})
    lost = again(job, Ended(Status.FAILED, Reason.NODE_LOST, None, "Gone.", 0.0, 1.0), 0.0)
    assert lost is not None
    assert (lost.retries_used, lost.requeues_used) == (0, 1)


def test_cost_is_by_the_second_over_all_attempts() -> None:
    assert billed_seconds(replace(RUNNING, billed_s=40.0), now=130.0) == 70.0
    assert cost(replace(RUNNING, billed_s=40.0), now=130.0) == pytest.approx(0.07)
    assert billed_seconds(replace(JOB, status=Status.SUCCEEDED, billed_s=5.0, started_at=1.0), now=1000.0) == 5.0


def test_ids_are_names() -> None:
    made = {new_job_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(job_id) == 13 and job_id.isalnum() and job_id.islower() for job_id in made)
