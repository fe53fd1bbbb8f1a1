"""The variables that every job sees, whatever its platform (design §4)."""

from __future__ import annotations

import json

from .model import JobRecord


def environment(job: JobRecord) -> dict[str, str]:
    """What a job sees besides its platform's own variables: the user's, its parameters, its identity."""
    spec = job.spec
    params = spec.get("params") or {}
    env: dict[str, str] = dict(spec.get("env") or {})
    for name, value in params.items():
        env.setdefault(f"PARAM_{name.upper()}", value if isinstance(value, str) else json.dumps(value))
    ports = ",".join(str(port) for port in spec.get("ports") or [])
    env |= {
        "OUTRIDER_JOB_ID": job.id,
        "OUTRIDER_JOB_NAME": job.name,
        "OUTRIDER_PROJECT": job.project or "",
        "OUTRIDER_EXPERIMENT": job.experiment or "",
        "OUTRIDER_PARAMS": json.dumps(params),
        "PS_JOB_ID": job.id,
        "PS_JOB_RUNNER": "1",
        "PORTS": ports,
    }
    return env
