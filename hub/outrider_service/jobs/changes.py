"""Follows a job: its current record, and again after each change of the record or its log.

Hundreds may follow one job, and a line comes far more often than a change of the record: the database is asked only
when the record moved, of which whoever changes it tells after the commit.
"""

from __future__ import annotations

from .model import JobRecord
from .reads import JobReads


class JobChanges:
    """One follower's view. Call ``look`` before reading and ``wait`` after everything has been read."""

    def __init__(self, reads: JobReads, job_id: str, *, log: bool) -> None:
        """``log``: also wait for lines and points."""
        self._reads = reads
        self._signals = reads.signals
        self._job_id = job_id
        self._topics = (f"job/{job_id}", f"log/{job_id}") if log else (f"job/{job_id}",)
        self._seen: list[int] = []
        self._known: int | None = None
        self._job: JobRecord | None = None

    async def look(self) -> JobRecord | None:
        """The current record; None once the job is deleted or being deleted."""
        self._seen = [self._signals.value(topic) for topic in self._topics]
        if self._known != self._seen[0]:
            self._job = await self._reads.job(self._job_id)
            self._known = self._seen[0]
        return None if self._job is None or self._job.desired == "delete" else self._job

    async def wait(self, timeout_s: float) -> bool:
        """Wait for a change since the last look. False on timeout."""
        return await self._signals.wait_any(self._topics, self._seen, timeout_s) != self._seen
