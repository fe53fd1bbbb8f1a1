"""From database records to API resources."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..clock import as_date, now
from ..jobs.model import JobRecord, cost
from ..schema import jobs as schema


def moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else as_date(seconds)


def instant(seconds: float) -> datetime:
    return as_date(seconds)


def port_url(apps_origin: str, job_id: str, port: int) -> str:
    """A port's address for browsers: its own host below the apps domain."""
    scheme, _, host = apps_origin.partition("://")
    return f"{scheme}://{job_id}-{port}.{host}/"


def render_job(
    job: JobRecord,
    tags: list[str],
    apps_origin: str,
    prefix: str,
    position: int | None = None,
    attempts: list[dict[str, Any]] | None = None,
) -> schema.Job:
    wanted = job.submission
    workspace = wanted.workspace.model_dump()
    if wanted.workspace.type == "git":
        workspace["commit"] = job.commit_hash
    time = now()
    return schema.Job(
        id=job.id,
        name=job.name,
        owner=job.owner,
        group=job.group_name,
        project=job.project,
        experiment=job.experiment,
        cluster=job.cluster,
        image=job.image,
        image_digest=job.image_digest,
        machine=job.machine,
        command=wanted.command,
        args=wanted.args,
        notebook=wanted.notebook,
        workspace=workspace,
        inputs=wanted.inputs,
        env=wanted.env,
        secrets=wanted.secrets,
        params=wanted.params,
        ports=[
            schema.PortAddress(
                port=port,
                url=port_url(apps_origin, job.id, port),
                path=f"{prefix}endpoints/{job.id}/{port}/",
            )
            for port in wanted.ports
        ],
        public=wanted.public,
        tags=tags,
        timeout_s=wanted.timeout_s,
        retries=wanted.retries,
        priority=job.priority,
        nodes=wanted.nodes,
        shm_mb=wanted.shm_mb,
        status=job.status,
        reason=job.reason,
        exit_code=job.exit_code,
        message=job.message,
        attempt=job.attempt,
        attempts=None if attempts is None else [render_attempt(a) for a in attempts],
        queue_position=position,
        progress=schema.Progress(**job.progress) if job.progress else None,
        price_per_hour=job.price_per_hour,
        cost=round(cost(job, time), 6),
        parent_id=job.parent_id,
        created_at=instant(job.created_at),
        started_at=moment(job.started_at),
        finished_at=moment(job.finished_at),
    )


def render_attempt(row: dict[str, Any]) -> schema.Attempt:
    return schema.Attempt(
        number=row["number"],
        status=schema.Status(row["status"]),
        reason=schema.Reason(row["reason"]) if row["reason"] else None,
        exit_code=row["exit_code"],
        message=row["message"],
        node=row["node"],
        started_at=moment(row["started_at"]),
        finished_at=moment(row["finished_at"]),
    )


def render_event(row: dict[str, Any]) -> schema.Event:
    return schema.Event(
        id=row["id"],
        time=instant(row["time"]),
        attempt=row["attempt"],
        type=row["type"],
        message=row["message"],
    )
