"""The rules of a job's life (docs/contract.md), pure: from what is wanted and what is seen to the next step."""

from __future__ import annotations

from dataclasses import dataclass

from ..backends.base import Observation, Phase
from ..schema.jobs import Reason, Status
from .model import JobRecord
from .outcome import Ended, outcome


@dataclass(frozen=True, slots=True)
class Start:
    """Ask the platform to start the attempt. Idempotent."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask the platform to stop the attempt, for this reason."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Running:
    """The command is running."""

    started_at: float
    node: str | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do for this many seconds, unless the platform reports a change."""

    seconds: float


Step = Start | Stop | Running | Wait | Ended


def next_step(
    job: JobRecord, seen: Observation, now: float, workspace_error: str | None, sweep_s: float = 60.0
) -> Step:
    """The next step for an attempt that has a machine."""
    stopping = job.desired != "run" or job.stop_reason is not None
    if job.status is Status.PROVISIONING and seen.started_at is not None:
        # Even if it is already over: every attempt that ran shows as running once, in the timeline and in the bill.
        return Running(seen.started_at, seen.node)
    match seen.phase:
        case Phase.EXITED | Phase.LOST:
            return outcome(job, seen, workspace_error)
        case Phase.ABSENT if job.status is Status.PROVISIONING:
            if stopping:
                return outcome(job, seen, workspace_error)
            return Start()
        case Phase.ABSENT:
            # It ran before and has left no trace, so somebody removed it on the platform.
            lost = Observation(Phase.LOST, reason="platform_error", message="the platform has lost it")
            return outcome(job, lost, workspace_error)
    if stopping:
        return Stop(Reason(job.stop_reason or Reason.CANCELLED_BY_USER))
    if seen.phase is Phase.RUNNING and seen.started_at is not None:
        timeout = job.submission.timeout_s
        if timeout is not None:
            left = seen.started_at + timeout - now
            return Stop(Reason.TIMED_OUT) if left <= 0 else Wait(min(left + 0.01, sweep_s))
    return Wait(sweep_s)
