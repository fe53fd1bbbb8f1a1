"""What jobs leave behind to break lists, removals and the next start, and links that should lead out."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.harness import ServiceProcess, User, eventually

DEEP = """
import os, sys
os.chdir(sys.argv[1])
for _ in range(3000):
    os.mkdir("d"); os.chdir("d")
os.mkdir("shut"); open("shut/file", "w"); os.chmod("shut", 0)
print("made", flush=True)
sys.exit(int(sys.argv[2]))
"""


def deep(user: User, where: str, code: int = 0, **fields: object) -> str:
    snapshot = user.upload({"main.py": DEEP})
    workspace = {"type": "snapshot", "id": snapshot}
    return user.submit(f"python main.py {where} {code}", workspace=workspace, **fields)


def _gone(service: ServiceProcess, user: User, job_id: str) -> None:
    assert user.delete(f"/jobs/{job_id}").status_code == 204
    eventually("its files are gone", lambda: not (service.home / "jobs" / job_id).exists(), 30)


def test_a_name_that_is_no_text_hides_no_other(alice: User) -> None:
    job = alice.run("""mkdir /artifacts/d; cd /artifacts/d; echo good > good; touch "$(printf 'bad\\377')" """)
    listed = alice.get(f"/jobs/{job['id']}/artifacts", params={"recursive": "true"})
    assert [entry["path"] for entry in listed.json()["items"]] == ["d", "d/good"]
    packed = alice.get(f"/jobs/{job['id']}/artifacts/d").content
    assert zipfile.ZipFile(io.BytesIO(packed)).namelist() == ["good"]


def test_a_deep_tree_can_be_listed_and_goes_with_its_job(service: ServiceProcess, alice: User) -> None:
    job_id = deep(alice, "/artifacts")
    assert alice.ended(job_id)["status"] == "succeeded"
    assert alice.get(f"/jobs/{job_id}/artifacts", params={"recursive": "true"}).status_code == 200
    _gone(service, alice, job_id)


def test_a_deep_workspace_does_not_keep_the_next_attempt_from_starting(service: ServiceProcess, alice: User) -> None:
    job = alice.ended(deep(alice, ".", 1, retries=1))
    assert (job["status"], job["attempt"], job["reason"]) == ("failed", 2, "exited")
    assert alice.lines(job["id"]) == ["made", "made"]
    _gone(service, alice, str(job["id"]))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    path = tmp_path / "outside"
    path.mkdir()
    return path


def test_a_link_in_the_place_of_the_teams_leads_no_mount_out(alice: User, outside: Path) -> None:
    """A sandbox's mounts are made while the host's files are still in reach of the program that makes them."""
    command = f"rm -rf /storage/teams; ln -s /oldroot{outside} /storage/teams; readlink /storage/teams"
    assert alice.lines(alice.run(command)["id"])[-1] == f"/oldroot{outside}"
    after = alice.run("ls /storage/teams/team; ls -d /teams/team")
    assert alice.lines(after["id"])[-1] == "/teams/team"
    assert not list(outside.iterdir())
    assert alice.delete("/storage/teams").status_code == 204
    assert alice.lines(alice.run("ls -d /storage/teams/team")["id"]) == ["/storage/teams/team"]


def test_the_teams_storage_by_the_api_is_that_of_the_jobs(alice: User, bob: User, carol: User) -> None:
    alice.run("echo of a job > /storage/teams/team/made")
    assert carol.get("/storage/teams/team/made").text == "of a job\n"
    assert "teams/team" in [entry["path"] for entry in carol.get("/storage?path=teams").json()["items"]]
    assert carol.put("/storage/teams/team/sent", content=b"sent").status_code == 200
    assert alice.lines(alice.run("cat /storage/teams/team/sent")["id"]) == ["sent"]
    assert bob.get("/storage/teams/team/made").status_code == 404
    assert bob.put("/storage/teams/team/sent", content=b"mine").status_code == 200, "a directory of bob's own"
    assert carol.get("/storage/teams/team/sent").text == "sent"
    assert carol.delete("/storage/teams/team").status_code == 422
    assert carol.delete("/storage/teams/team/sent").status_code == 204
    bob.delete("/storage/teams")


def test_refused_uploads_use_nothing_up(make_service: Callable[..., ServiceProcess]) -> None:
    service = make_service().start()
    alice = service.user("alice")
    assert service.process is not None
    descriptors = Path(f"/proc/{service.process.pid}/fd")
    alice.put("/storage/first", content=b"x")
    before = len(list(descriptors.iterdir()))
    for _ in range(30):
        assert alice.put("/storage/" + "é" * 140, content=b"x").status_code == 422
    assert len(list(descriptors.iterdir())) < before + 10


@pytest.mark.parametrize("header", ["Range", "If-Range"])
def test_numbers_without_end(alice: User, header: str) -> None:
    alice.put("/storage/numbered", content=b"hello")
    number = "9" * 5000
    answer = alice.get("/storage/numbered", headers={"Range": f"bytes={number}-", header: f"bytes={number}-"})
    assert (answer.status_code, answer.text) == (200, "hello")
