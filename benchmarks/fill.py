"""Fills a database directly, as if everything had come through the API."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import create_engine, insert

from outrider_service.capacity.leases import job_lease_id
from outrider_service.db.engine import async_url, migrate
from outrider_service.db.tables import attempts, events, jobs, leases, tags
from outrider_service.jobs.model import new_job_id
from outrider_service.schema.jobs import Submission

BLOCK = 2000


def sync_url(url: str) -> Any:
    target = async_url(url)
    return target.set(drivername="sqlite") if target.get_backend_name() == "sqlite" else target


class Filler:
    """Makes the schema, then inserts in large transactions."""

    def __init__(self, url: str) -> None:
        migrate(url)
        self.engine = create_engine(sync_url(url))
        self.random = random.Random(1)

    def jobs(
        self,
        count: int,
        *,
        tags_of: Callable[[int], list[str]] = lambda _: [],
        row: Callable[[int], dict[str, Any]] = lambda _: {},
        **same: Any,
    ) -> list[str]:
        """Ended jobs, the last one made just now; ``row`` and ``same`` change their columns. Returns the ids."""
        spec = orjson.loads(Submission(command="python train.py", name="train").model_dump_json())
        now, ids = time.time(), []
        for start in range(0, count, BLOCK):
            made, its_tags, its_events = [], [], []
            for n in range(start, min(count, start + BLOCK)):
                at = now - 30.0 * (count - n)
                job = job_row(new_job_id(), spec, at) | same | row(n)
                ids.append(job["id"])
                made.append(job)
                its_tags += [{"job_id": job["id"], "tag": tag} for tag in tags_of(n)]
                its_events.append(
                    {"job_id": job["id"], "attempt": 0, "time": at, "type": "queued", "message": "Submitted."}
                )
            with self.engine.begin() as conn:
                conn.execute(insert(jobs), made)
                conn.execute(insert(events), its_events)
                if its_tags:
                    conn.execute(insert(tags), its_tags)
        return ids

    def running(self, count: int, machine: dict[str, Any], owners: list[str]) -> list[str]:
        """Jobs whose first attempt runs, each with its lease."""
        now = time.time()
        pick = [owners[n % len(owners)] for n in range(count)]
        ids = self.jobs(
            count,
            row=lambda n: {"owner": pick[n]},
            status="running",
            reason=None,
            exit_code=None,
            message=None,
            attempt=1,
            started_at=now,
            finished_at=None,
            machine=machine["name"],
        )
        with self.engine.begin() as conn:
            conn.execute(
                insert(attempts),
                [{"job_id": i, "number": 1, "status": "running", "created_at": now, "started_at": now} for i in ids],
            )
            conn.execute(
                insert(leases),
                [
                    {
                        "id": job_lease_id(job_id, 1),
                        "owner": owner,
                        "cluster": "default",
                        "machine": machine["name"],
                        "image": "python",
                        "cpu": machine["cpu"],
                        "memory_mb": machine["memory_mb"],
                        "gpus": [],
                        "gpu_count": 0,
                        "price_per_hour": 0.0,
                        "created_at": now,
                    }
                    for job_id, owner in zip(ids, pick, strict=True)
                ],
            )
        return ids

    def analyse(self) -> None:
        """What PostgreSQL finds out by itself about tables that have lived for a while."""
        with self.engine.begin() as conn:
            conn.exec_driver_sql("ANALYZE")

    def close(self) -> None:
        self.engine.dispose()


def job_row(job_id: str, spec: dict[str, Any], at: float) -> dict[str, Any]:
    """A job that succeeded at once."""
    return {
        "id": job_id,
        "name": "train",
        "owner": "alice",
        "owner_groups": [],
        "group_name": None,
        "project": None,
        "experiment": None,
        "cluster": "default",
        "machine": "tiny",
        "image": "python",
        "image_digest": None,
        "spec": spec,
        "priority": 0,
        "price_per_hour": 0.0,
        "parent_id": None,
        "idempotency_key": None,
        "idempotency_hash": None,
        "status": "succeeded",
        "desired": "run",
        "stop_reason": None,
        "reason": "exited",
        "exit_code": 0,
        "message": "Finished.",
        "attempt": 1,
        "retries_used": 0,
        "requeues_used": 0,
        "not_before": 0.0,
        "commit_hash": None,
        "progress": None,
        "billed_s": 1.0,
        "created_at": at,
        "started_at": at,
        "finished_at": at + 1,
    }


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"
