"""What the state of a pod means, for notebooks as for jobs."""

from ..backends.kubernetes.notebook import CLONE
from ..backends.kubernetes.pod_status import cannot_start, unscheduled, waiting_for

__all__ = ["CLONE", "cannot_start", "unscheduled", "waiting_for"]
