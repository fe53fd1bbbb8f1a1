"""The reconciler's work queue. Keys are job ids and the names of platforms whose queue needs a pass."""

from __future__ import annotations

from typing import Final

from .workqueue import WorkQueue

_SCHEDULE: Final = "queue/"


class ReconcileQueue(WorkQueue):
    """How others notify the reconciler. May be filled before the reconciler runs."""

    def wake(self, job_id: str) -> None:
        """Something about the job may have changed."""
        self.add(job_id)

    def schedule(self, cluster: str) -> None:
        """Capacity of the platform was freed, or a job joined its queue."""
        self.add(f"{_SCHEDULE}{cluster}")

    @staticmethod
    def cluster_of(key: str) -> str | None:
        """The platform to schedule; None where the key is a job's id."""
        return key.removeprefix(_SCHEDULE) if key.startswith(_SCHEDULE) else None
