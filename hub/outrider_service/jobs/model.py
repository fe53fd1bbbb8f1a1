"""The job record and values derived from it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import RowMapping

from ..schema.jobs import GitWorkspace, NoWorkspace, Reason, SnapshotWorkspace, Status, Submission, Workspace

ID_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def new_job_id() -> str:
    """A fresh id, fit for DNS labels and file names: j and 12 characters (60 random bits)."""
    bits = secrets.randbits(60)
    return "j" + "".join(ID_ALPHABET[bits >> shift & 31] for shift in range(0, 60, 5))


def stored_workspace(spec: dict[str, Any]) -> Workspace:
    """The workspace of a stored submission, without its rules."""
    match spec.get("workspace"):
        case {"type": "git", "url": str(url), **rest}:
            ref = rest.get("ref")
            return GitWorkspace.model_construct(type="git", url=url, ref=ref if isinstance(ref, str) else None)
        case {"type": "snapshot", "id": str(snapshot)}:
            return SnapshotWorkspace.model_construct(type="snapshot", id=snapshot)
    return NoWorkspace()


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One row of ``jobs``. Times are seconds since 1970."""

    id: str
    name: str
    owner: str
    owner_groups: list[str]
    group_name: str | None
    project: str | None
    experiment: str | None
    cluster: str
    machine: str
    image: str
    image_digest: str | None
    spec: dict[str, Any]
    priority: int
    price_per_hour: float
    parent_id: str | None
    idempotency_key: str | None
    idempotency_hash: str | None
    status: Status
    desired: str
    stop_reason: str | None
    reason: Reason | None
    exit_code: int | None
    message: str | None
    attempt: int
    retries_used: int
    requeues_used: int
    not_before: float
    commit_hash: str | None
    progress: dict[str, Any] | None
    billed_s: float
    created_at: float
    started_at: float | None
    finished_at: float | None

    @classmethod
    def from_row(cls, row: RowMapping) -> JobRecord:
        values: dict[str, Any] = {str(key): value for key, value in row.items()}
        values["status"] = Status(values["status"])
        values["reason"] = Reason(values["reason"]) if values["reason"] else None
        return cls(**values)

    @property
    def submission(self) -> Submission:
        """What was asked for. The rules may have become stricter since: a record that no longer passes them is read
        as it is, so that an old job can still be shown, stopped and deleted."""
        try:
            return self.valid_submission()
        except ValidationError:
            return Submission.model_construct(**{**self.spec, "workspace": stored_workspace(self.spec)})

    def valid_submission(self) -> Submission:
        """What was asked for, by today's rules. Raises pydantic's ValidationError."""
        # Strictness was applied at the edge; JSON from the database has no tuples or sets to tell apart.
        return Submission.model_validate(self.spec, strict=False)

    @property
    def nodes(self) -> int:
        """Machines of an attempt. From the raw specification: one that is no longer valid must be able to end."""
        found = self.spec.get("nodes")
        return found if isinstance(found, int) and found > 0 else 1

    @property
    def active(self) -> bool:
        """Whether the platform may hold an attempt of it."""
        return self.status in (Status.PROVISIONING, Status.RUNNING, Status.STOPPING)


def billed_seconds(job: JobRecord, now: float) -> float:
    """Seconds that the job's containers have run, including the current one."""
    running = now - job.started_at if job.active and job.started_at is not None else 0.0
    return job.billed_s + max(0.0, running)


def cost(job: JobRecord, now: float) -> float:
    """Cost so far, in the operator's currency."""
    return billed_seconds(job, now) * job.price_per_hour / 3600
