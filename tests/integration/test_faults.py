"""Faults: the service killed at every point of a start and a stop, full disks, followers that never read.

No job is lost, none is started twice, no process is left.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.integration.harness import HubProcess, ServiceProcess, User, eventually, sandbox_processes

Make = Callable[..., ServiceProcess]
FAULTY = (str(Path(__file__).with_name("faulty_service.py")),)

RUN = ["schedule", "start", "launch", "running", "ended", "clean", "remove", "append", "save", "complete"]
STOP = ["stopping", "stop", "ended", "remove"]


def revived(service: ServiceProcess) -> None:
    """Wait for the service to die of its fault, and start it again."""
    assert service.process is not None
    service.process.wait(60)
    assert service.process.returncode == -signal.SIGKILL, service.log[-3000:]
    service.start()


def nothing_left(service: ServiceProcess) -> None:
    eventually("no process is left", lambda: not sandbox_processes(service.home))
    eventually("no sandbox is left", lambda: not list((service.home / "run" / "jobs").iterdir()))


@pytest.mark.parametrize("point", RUN)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_during_a_start(make_service: Make, moment: str, point: str) -> None:
    service = make_service(module=FAULTY, FAULT=f"{moment}-{point}:{2 if point == 'schedule' else 1}").start()
    alice = service.user("alice")
    with contextlib.suppress(httpx.HTTPError):  # it may die before it has answered
        alice.submit("echo x >> /storage/runs; echo one; echo two; sleep 0.5; echo three")
    revived(service)
    (job_id,) = [job["id"] for job in alice.get("/jobs").json()["items"]]
    job = alice.ended(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 1), (job, service.log[-3000:])
    assert alice.lines(job_id) == ["one", "two", "three"]
    assert alice.get("/storage/runs").text == "x\n", "it ran once"
    events = [e["type"] for e in alice.get(f"/jobs/{job_id}/events").json()["items"]]
    assert len(events) == len(set(events)), events
    nothing_left(service)
    assert alice.get("/me").json()["usage"]["running"] == 0


@pytest.mark.parametrize("point", STOP)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_during_a_stop(make_service: Make, moment: str, point: str) -> None:
    service = make_service(module=FAULTY, FAULT=f"{moment}-{point}:1").start()
    alice = service.user("alice")
    job_id = alice.submit("echo up; sleep 300")
    alice.until(job_id, "running")
    with contextlib.suppress(httpx.HTTPError):  # it may die before it has answered
        alice.post(f"/jobs/{job_id}/stop")
    revived(service)
    job = alice.ended(job_id)
    assert (job["status"], job["reason"], job["attempt"]) == ("cancelled", "cancelled_by_user", 1)
    nothing_left(service)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_during_a_delete(make_service: Make, moment: str) -> None:
    service = make_service(module=FAULTY, FAULT=f"{moment}-delete:1").start()
    alice = service.user("alice")
    job_id = str(alice.run("echo x > /artifacts/x")["id"])
    with contextlib.suppress(httpx.HTTPError):
        alice.delete(f"/jobs/{job_id}")
    revived(service)
    eventually("its files are gone", lambda: not (service.home / "jobs" / job_id).exists())
    assert alice.get(f"/jobs/{job_id}").status_code == 404


def test_killed_again_and_again_while_jobs_run(make_service: Make) -> None:
    service = make_service().start()
    alice = service.user("alice")
    count = 8
    jobs = [
        alice.submit(f"echo {n} >> /storage/all; for i in $(seq 40); do echo line $i; sleep 0.05; done")
        for n in range(count)
    ]
    for pause in (0.3, 0.7, 0.5, 0.2, 1.0):
        time.sleep(pause)  # the moment of the kill is what varies here
        service.kill()
        service.start()
    for job_id in jobs:
        job = alice.ended(job_id)
        assert (job["status"], job["attempt"]) == ("succeeded", 1), (
            str(job["attempts"])
            + str(sorted(p.name for p in (service.home / "run" / "jobs").glob(f"{job_id}*/*")))
            + service.log
        )
        assert alice.lines(job_id) == [f"line {n}" for n in range(1, 41)]
    assert sorted(alice.get("/storage/all").text.split()) == [str(n) for n in range(count)]
    nothing_left(service)


def test_jobs_run_on_while_the_service_is_away(make_service: Make) -> None:
    service = make_service().start()
    alice = service.user("alice")
    job_id = alice.submit("for i in $(seq 30); do echo $i; sleep 0.05; done; echo done > /artifacts/done")
    alice.until(job_id, "running")
    service.stop()
    done = service.home / "jobs" / job_id / "artifacts" / "done"
    eventually("it finishes without the service", done.exists)
    service.start()
    assert alice.ended(job_id)["status"] == "succeeded"
    assert alice.lines(job_id) == [str(n) for n in range(1, 31)]


def test_a_second_service_waits(make_service: Make) -> None:
    first = make_service().start()
    second = make_service(home=first.home).start(wait=False)
    eventually("it says so", lambda: "waiting for it to exit" in second.log)
    assert first.answers()
    first.kill()
    eventually("it takes over", second.answers)


def test_a_killed_supervisor_is_a_platform_error_and_runs_again(make_service: Make) -> None:
    service = make_service().start()
    alice = service.user("alice")
    job_id = alice.submit("if [ -e /artifacts/again ]; then echo second; else touch /artifacts/again; sleep 300; fi")
    eventually("it has begun", (service.home / "jobs" / job_id / "artifacts" / "again").exists)
    import outrider_sandbox as sandbox

    alice.until(job_id, "running")
    pid = sandbox.state(service.home / "run" / "jobs" / f"{job_id}-1").pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    job = alice.ended(job_id, timeout_s=90)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert job["attempts"][0]["reason"] == "platform_error"
    assert alice.lines(job_id) == ["second"]
    nothing_left(service)


def test_after_a_reboot_the_node_was_lost(make_service: Make) -> None:
    """As after a reboot: no process is left, and the recorded boot is another one."""
    import json

    import outrider_sandbox as sandbox

    service = make_service().start()
    alice = service.user("alice")
    job_id = alice.submit("if [ -e /artifacts/x ]; then exit 0; fi; touch /artifacts/x; sleep 300")
    eventually("it has begun", (service.home / "jobs" / job_id / "artifacts" / "x").exists)
    alice.until(job_id, "running")
    service.stop()
    folder = service.home / "run" / "jobs" / f"{job_id}-1"
    pid = sandbox.state(folder).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually("it is dead", lambda: sandbox.state(folder).phase == "lost")
    status = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps(status | {"boot_id": "another"}))
    service.start()
    job = alice.ended(job_id, timeout_s=90)
    assert [a["reason"] for a in job["attempts"]] == ["node_lost", "exited"]
    assert job["status"] == "succeeded"


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_delays_the_log_and_loses_none_of_it(make_service: Make) -> None:
    service = make_service()
    jobs = service.home / "jobs"
    jobs.mkdir(mode=0o700, parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(jobs)], check=True)
    try:
        alice = service.start().user("alice")
        job_id = alice.submit("seq 200000; echo end")
        eventually("the disk is full", lambda: "No space left" in service.log)
        assert alice.get("/me").status_code == 200, "the service lives on"
        assert alice.get(f"/jobs/{job_id}/logs", params={"limit": 1}).json()["total"] < 200001
        subprocess.run(["mount", "-o", "remount,size=64m", str(jobs)], check=True)
        assert alice.ended(job_id, timeout_s=140)["status"] == "succeeded"
        assert alice.lines(job_id) == [str(n) for n in range(1, 200001)] + ["end"]
    finally:
        service.stop()
        subprocess.run(["umount", "-l", str(jobs)], check=True)


def test_a_follower_that_never_reads_holds_nobody_up(alice: User, service: ServiceProcess) -> None:
    job_id = alice.submit("while [ ! -e /artifacts/go ]; do sleep 0.05; done; seq 300000; echo end")
    alice.until(job_id, "running")
    request = (
        f"GET /services/outrider/api/v1/jobs/{job_id}/logs HTTP/1.1\r\nHost: x\r\n"
        "Authorization: token alice-token\r\nAccept: text/event-stream\r\n\r\n"
    )
    deaf = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(5)]
    for connection in deaf:
        connection.sendall(request.encode())
    (service.home / "jobs" / job_id / "artifacts" / "go").touch()
    assert alice.ended(job_id)["status"] == "succeeded"
    assert alice.get(f"/jobs/{job_id}/logs", params={"tail": 1}).json()["items"][0]["text"] == "end"
    for connection in deaf:
        connection.close()


def test_the_hub_is_away_and_comes_back(tmp_path: Path) -> None:
    """Nobody can be identified meanwhile; jobs run on, whoever follows reads on, and health needs no Hub."""
    hub = HubProcess(tmp_path / "hub").start()
    service = ServiceProcess(hub, tmp_path / "service")
    try:
        alice = service.start().user("alice")
        job_id = alice.submit("for i in $(seq 20); do echo $i; sleep 0.5; done", ports=[8080])
        alice.until(job_id, "running")
        headers = {"Accept": "text/event-stream"}
        with alice.http.stream("GET", f"/jobs/{job_id}/logs", headers=headers) as answer:
            events = answer.iter_lines()
            next(line for line in events if line.startswith("data"))
            hub.stop()
            eventually("the answers kept of the Hub are old", lambda: alice.get("/me").status_code != 200)
            root = service.base.removesuffix("api/v1")
            for url in ("/me", f"/jobs/{job_id}", f"{root}endpoints/{job_id}/8080/", f"{root}enter/{job_id}/8080"):
                away = alice.get(url)
                assert away.status_code == 503, url
                assert str(hub.port + 1) not in away.text, "addresses inside are nobody's business"
            assert alice.get("/health").status_code == 200
            assert "event: end" in list(events)
        hub.start()
        assert alice.ended(job_id)["status"] == "succeeded"
        assert alice.lines(job_id) == [str(n) for n in range(1, 21)]
    finally:
        service.clean()
        hub.stop()
