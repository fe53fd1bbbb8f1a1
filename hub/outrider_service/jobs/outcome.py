"""Why an attempt ended as it did, the sentence that says so, and whether another attempt follows.

Pure. The pages and the command line show these sentences as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..backends.base import Observation, Phase
from ..schema.jobs import Reason, Status
from .model import JobRecord

REQUEUES: Final = 3
"""How often a job is requeued after failures that are not its own."""
REQUEUED: Final = frozenset({Reason.PREEMPTED, Reason.NODE_LOST, Reason.PLATFORM_ERROR})
CANCELLED: Final = frozenset({Reason.CANCELLED_BY_USER, Reason.OVER_BUDGET})
LONGEST_RETRY_DELAY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """The attempt is over."""

    status: Status
    reason: Reason
    exit_code: int | None
    message: str
    started_at: float | None
    finished_at: float | None


def outcome(job: JobRecord, seen: Observation, workspace_error: str | None) -> Ended:
    """The outcome of a finished attempt, with a sentence for its owner."""

    def ended(status: Status, reason: Reason, message: str) -> Ended:
        return Ended(status, reason, seen.exit_code, message, seen.started_at, seen.finished_at)

    asked = Reason(job.stop_reason) if job.stop_reason else None
    if asked is None and job.desired != "run":
        asked = Reason.CANCELLED_BY_USER
    if asked is Reason.TIMED_OUT:
        limit = job.submission.timeout_s
        return ended(
            Status.FAILED,
            Reason.TIMED_OUT,
            f"Stopped after its timeout of {limit} s. Set a longer timeout, or resume from checkpoints in /artifacts.",
        )
    if asked in CANCELLED:
        # Also with exit code 0: a program that saves a checkpoint when it is told to stop has not finished.
        text = "Stopped on request." if asked is Reason.CANCELLED_BY_USER else "Stopped: the budget is used up."
        return ended(Status.CANCELLED, asked, text)
    if workspace_error is not None:
        return ended(Status.FAILED, Reason.WORKSPACE_FAILED, workspace_error)
    match seen.reason:
        case "out_of_memory":
            return ended(
                Status.FAILED,
                Reason.OUT_OF_MEMORY,
                f"Out of memory: it needed more than {job.machine} has. Use a larger machine type or smaller batches.",
            )
        case "node_lost" | "preempted" | "platform_error" | "image_pull_failed" | "unschedulable":
            return ended(Status.FAILED, Reason(seen.reason), _sentence(seen.reason, seen.message))
        case _ if seen.phase is Phase.LOST or seen.exit_code is None:
            return ended(Status.FAILED, Reason.PLATFORM_ERROR, _sentence("platform_error", seen.message))
    if seen.exit_code == 0:
        return ended(Status.SUCCEEDED, Reason.EXITED, "Finished.")
    return ended(Status.FAILED, Reason.EXITED, exit_sentence(seen.exit_code))


def _sentence(reason: str, detail: str | None) -> str:
    text = {
        "node_lost": "The machine running the job was lost.",
        "preempted": "The machine was preempted.",
        "platform_error": "The platform failed, not the job.",
        "image_pull_failed": "The image could not be pulled. Check its name and your access to it.",
        "unschedulable": "No machine of this type can ever run the job. Choose a smaller one.",
    }[reason]
    return f"{text} ({detail})" if detail else text


def exit_sentence(code: int) -> str:
    """Explains an exit code in a sentence."""
    if code == 126:
        return "Exit code 126: the command is not executable."
    if code == 127:
        return "Exit code 127: command not found. Check its spelling, and that the image includes it."
    if code == 137:
        return "Exit code 137: killed (SIGKILL), often because memory ran out."
    if code > 128:
        return f"Exit code {code}: killed by signal {code - 128}. The last log lines may say why."
    return f"Exit code {code}: the command failed. The last log lines may say why."


@dataclass(frozen=True, slots=True)
class Again:
    """The job is queued again; ``not_before`` keeps a job that fails immediately from spinning."""

    retries_used: int
    requeues_used: int
    not_before: float
    message: str


def again(job: JobRecord, end: Ended, now: float) -> Again | None:
    """The next attempt after one that has ended; None if there is none."""
    if job.desired != "run" or end.status is not Status.FAILED:
        return None
    if end.reason in REQUEUED and job.requeues_used < REQUEUES:
        used = job.requeues_used + 1
        delay = min(LONGEST_RETRY_DELAY_S, 2.0 ** (used - 1))
        return Again(job.retries_used, used, now + delay, f"{end.message} Queued again ({used} of {REQUEUES}).")
    retries = job.submission.retries
    if end.reason is Reason.EXITED and job.retries_used < retries:
        used = job.retries_used + 1
        delay = min(LONGEST_RETRY_DELAY_S, 2.0 ** (used - 1))
        return Again(used, job.requeues_used, now + delay, f"{end.message} Retry {used} of {retries}.")
    return None
