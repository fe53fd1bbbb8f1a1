"""Jobs that write into the output what only their runner should: they run, stop, end and go like any other."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.harness import ServiceProcess, User, eventually
from tests.integration.test_faults import Make, nothing_left

FORGER = r"""
import os, time
# The runner doubles the separator in what its command prints, so this writes where the runner itself does.
for pid in filter(str.isdigit, os.listdir("/proc")):  # pid 1 shuts its own
    if pid != "1" and "--spec" in open(f"/proc/{pid}/cmdline").read():
        out = os.open(f"/proc/{pid}/fd/1", os.O_WRONLY)
        os.write(out, RECORD)
        break
print("forged", flush=True)
time.sleep(300)
"""
FORGED = [
    b'{"type":[]}',
    b'{"type":{"a":1}}',
    b'{"type":"progress","done":9223372036854775807}',
    b'{"type":"progress","done":1,"text":"a\\u0000b"}',
    b'{"type":"workspace","commit":"a\\u0000b"}',
    b'{"type":"system","cpu":1e308,"gpus":[[]]}',
    b"[" * 100_000,
    b'{"type":"workspace_failed","message":[]}',
]


def forge(user: User, record: bytes) -> str:
    line = b"\x1e" + record + b"\n"
    return user.code(f"RECORD = {line!r}\n{FORGER}")


def events_of(user: User, job_id: str) -> list[str]:
    return [event["type"] for event in user.get(f"/jobs/{job_id}/events").json()["items"]]


@pytest.mark.parametrize("record", FORGED, ids=range(len(FORGED)))
def test_a_job_that_forges_a_record_is_stopped_and_deleted(service: ServiceProcess, alice: User, record: bytes) -> None:
    job_id = forge(alice, record)
    eventually("its output is read on", lambda: "forged" in alice.lines(job_id))
    assert alice.get("/jobs").status_code == 200
    alice.post(f"/jobs/{job_id}/stop")
    assert alice.ended(job_id)["status"] == "cancelled"
    eventually("its machine is free", lambda: alice.get("/me").json()["usage"]["running"] == 0)
    assert alice.delete(f"/jobs/{job_id}").status_code == 204
    eventually("its files are gone", lambda: not (service.home / "jobs" / job_id).exists())


def test_a_forged_record_is_said_and_counted(service: ServiceProcess, alice: User) -> None:
    def counted() -> float:
        text = httpx.get(f"{service.base}/metrics/prometheus", headers={"Authorization": "token root-token"}).text
        return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith("outrider_records_refused"))

    before = counted()
    job_id = forge(alice, FORGED[0])
    eventually("it is said", lambda: "records_refused" in events_of(alice, job_id))
    assert counted() == before + 1
    alice.post(f"/jobs/{job_id}/stop")
    alice.ended(job_id)


@pytest.mark.parametrize("checkpoint", [b"", b"[]", b'{"lines":"many"}', b"[" * 100_000, None])
def test_a_job_whose_checkpoint_is_damaged_goes_on_and_says_so(make_service: Make, checkpoint: bytes | None) -> None:
    """``None``: what lies in its place is a directory."""
    service = make_service().start()
    alice = service.user("alice")
    job_id = alice.submit("echo one; while [ ! -e /artifacts/go ]; do sleep 0.05; done; echo two; sleep 300")
    eventually("its output is read", lambda: "one" in alice.lines(job_id))
    service.stop()
    path = service.home / "jobs" / job_id / "telemetry" / "checkpoint.json"
    if checkpoint is not None:
        path.write_bytes(checkpoint)
    else:
        path.unlink()
        path.mkdir()
    (service.home / "jobs" / job_id / "artifacts" / "go").touch()
    service.start()
    if checkpoint is not None:
        eventually("it goes on", lambda: "two" in alice.lines(job_id))
        eventually("it is said", lambda: "log_incomplete" in events_of(alice, job_id))
    assert alice.delete(f"/jobs/{job_id}").status_code == 204
    eventually("its files are gone", lambda: not (service.home / "jobs" / job_id).exists())
    nothing_left(service)
    assert alice.get("/me").json()["usage"]["running"] == 0
