"""A database that is older than what runs: nothing of what it does not know is ended, and all of it is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.integration.harness import ServiceProcess, eventually

Make = Callable[..., ServiceProcess]


def copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def test_a_restored_database_ends_nothing(make_service: Make) -> None:
    service = make_service().start()
    alice, database = service.user("alice"), service.home / "outrider.db"
    copy(database, service.home / "backup.db")
    job_id = alice.submit("until test -e /storage/over; do sleep 0.1; done; echo through")
    alice.until(job_id, "running")
    service.stop()
    copy(database, service.home / "later.db")
    copy(service.home / "backup.db", database)
    service.start()
    assert alice.get(f"/jobs/{job_id}").status_code == 404
    sandbox = service.home / "run/jobs" / f"{job_id}-1"
    eventually("it is told", lambda: f"{sandbox} on default has this release's name" in service.log, 90)
    figures = service.user("root").get("/metrics/prometheus").text
    assert 'outrider_unknown_objects{cluster="default"} 1.0' in figures
    service.stop()
    copy(service.home / "later.db", database)
    service.start()
    assert alice.put("/storage/over", content=b"").status_code < 300
    job = alice.ended(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)
    assert alice.lines(job_id) == ["through"]
    eventually("no sandbox is left", lambda: not sandbox.exists())
