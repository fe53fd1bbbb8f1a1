"""Attempts for tests of backends."""

from __future__ import annotations

from typing import Any

from outrider_service.backends.base import Attempt, AttemptRef
from outrider_service.catalog import MachineType
from outrider_service.jobs.model import new_job_id
from outrider_service.schema.jobs import Submission


def make_attempt(**fields: Any) -> Attempt:
    """An attempt of alice's on a small machine. Fields of a submission go into its submission."""
    asked = {name: fields.pop(name) for name in list(fields) if name in Submission.model_fields and name not in OWN}
    settled = {
        "ref": AttemptRef(new_job_id(), 1),
        "owner": "alice",
        "groups": (),
        "machine": MachineType(name="small", cpu=0.1, memory_mb=256),
        "environment": None,
        "image": "python",
        "env": {},
        "submission": Submission.model_validate({"command": "true", **asked} if "args" not in asked else asked),
    }
    return Attempt(**{**settled, **fields})


OWN = ("machine", "image", "env", "secrets", "priority")
"""Names that a submission and an attempt have in common: the attempt's are meant."""
