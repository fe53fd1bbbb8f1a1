"""Label and annotation keys, and what is read from them. Pure; the only place that spells them out."""

from __future__ import annotations

import re
from typing import Any, Final

from ..base import AttemptRef

JOB_LABEL: Final = "outrider.dev/job"
ATTEMPT_LABEL: Final = "outrider.dev/attempt"
MACHINE_LABEL: Final = "outrider.dev/machine"
OWNER_ANNOTATION: Final = "outrider.dev/owner"
SCALES_ANNOTATION: Final = "outrider.dev/scales-from-zero"
PULL_ANNOTATION: Final = "outrider.dev/pull-secret"
PART_LABEL: Final = "app.kubernetes.io/component"
MANAGER_LABEL: Final = "app.kubernetes.io/managed-by"
PART_OF_LABEL: Final = "app.kubernetes.io/part-of"
INSTANCE_LABEL: Final = "app.kubernetes.io/instance"
MARK_LABEL: Final = "outrider.dev/installation"
USER_ANNOTATION: Final = "hub.jupyter.org/username"
SERVER_ANNOTATION: Final = "hub.jupyter.org/servername"
"""Set by KubeSpawner on the pods of notebook servers."""
INDEX: Final = "batch.kubernetes.io/job-completion-index"
MAIN: Final = "job"
PREPARE: Final = "workspace"
INSTALL: Final = "runner"


def ref_of(thing: dict[str, Any]) -> AttemptRef | None:
    """The attempt that an object belongs to; None for other objects."""
    found = (thing.get("metadata") or {}).get("labels") or {}
    job_id, number = found.get(JOB_LABEL, ""), found.get(ATTEMPT_LABEL, "")
    if re.fullmatch(r"j[0-9a-z]{12}", job_id) and re.fullmatch(r"[0-9]{1,6}", number):
        return AttemptRef(job_id, int(number))
    return None


def notebook_of(pod: dict[str, Any]) -> tuple[str, str] | None:
    """User and server of a notebook's pod; None for other pods."""
    found = pod["metadata"].get("annotations") or {}
    return (found[USER_ANNOTATION], found.get(SERVER_ANNOTATION, "")) if USER_ANNOTATION in found else None


def index_of(pod: dict[str, Any]) -> int:
    """The pod's node index within its job."""
    index = (pod["metadata"].get("annotations") or {}).get(INDEX, "0")
    return int(index) if index.isdigit() else 0
