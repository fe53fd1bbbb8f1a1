"""Run by root, the platform gives each user a uid of their own; everything about files stays as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import outrider_sandbox as sandbox
from tests.integration.harness import ServiceProcess, User

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give sandboxes other uids")


@pytest.fixture(scope="module", autouse=True)
def possible(service: ServiceProcess) -> None:
    found = sandbox.usable(sandbox.uid_range(sandbox.UIDS), service.home)
    if not found.uids:
        pytest.skip(" ".join(found.notes))


def uid_of(service: ServiceProcess, job_id: str) -> int:
    state = sandbox.state(service.home / "run" / "jobs" / f"{job_id}-1")
    status = Path(f"/proc/{state.child_pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("Uid:")]
    return int(line.split()[1])


def test_each_user_has_one_and_keeps_it(service: ServiceProcess, alice: User, bob: User) -> None:
    jobs = [(user, user.submit("sleep 1000")) for user in (alice, bob, alice)]
    for user, job_id in jobs:
        user.until(job_id, "running")
    first, other, again = (uid_of(service, job_id) for _, job_id in jobs)
    assert first == again != other
    allowed = sandbox.uid_range(sandbox.UIDS)
    assert allowed is not None and {first, other} <= set(allowed)
    for user, job_id in jobs:
        user.post(f"/jobs/{job_id}/stop")


def test_uploads_and_what_jobs_write_meet(service: ServiceProcess, alice: User) -> None:
    assert alice.put("/storage/sent/by-hand", content=b"sent").status_code == 200
    job = alice.run(
        "cat /storage/sent/by-hand; echo; echo changed > /storage/sent/by-hand; umask 077; mkdir /storage/shut; "
        "echo deep > /storage/shut/file; echo kept > /artifacts/x; stat -c %U /artifacts/x main.py",
        workspace={"type": "snapshot", "id": alice.upload({"main.py": "print()"})},
    )
    assert alice.lines(job["id"]) == ["sent", "user", "user"]
    assert alice.get("/storage/sent/by-hand").text == "changed\n"
    assert alice.get("/storage/shut/file").text == "deep\n"
    assert alice.get(f"/jobs/{job['id']}/artifacts/x").text == "kept\n"
    later = alice.run("cat /inputs/before/x", inputs={"before": job["id"]})
    assert alice.lines(later["id"]) == ["kept"]
    assert alice.delete("/storage/shut").status_code == 204
    assert alice.delete("/storage/sent").status_code == 204


def test_a_team_writes_each_other_s_files(alice: User, carol: User) -> None:
    alice.run("umask 077; mkdir /storage/teams/team/uids; echo a > /storage/teams/team/uids/file")
    job = carol.run("cat /storage/teams/team/uids/file; echo c >> /storage/teams/team/uids/file")
    assert carol.lines(job["id"]) == ["a"]
    job = alice.run("cat /storage/teams/team/uids/file; rm -r /storage/teams/team/uids")
    assert alice.lines(job["id"]) == ["a", "c"]
    assert job["status"] == "succeeded"
