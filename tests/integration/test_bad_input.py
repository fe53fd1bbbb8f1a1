"""Bad input: each a 4xx that names the field."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import pytest

from tests.integration.harness import ServiceProcess, User, zip_of

OK: dict[str, Any] = {"command": "true", "machine": "tiny"}

REFUSED = [
    ({"image": "no-such"}, 422, "image"),
    ({"image": "-rf"}, 422, "image"),
    ({"machine": "no-such"}, 422, "machine"),
    ({"colour": "red"}, 422, "colour"),
    ({"command": ""}, 422, "command"),
    ({"command": "  \n"}, 422, "command"),
    ({"command": None}, 422, "command"),
    ({"args": ["x"]}, 422, "command"),
    ({"command": None, "args": []}, 422, "args"),
    ({"command": None, "args": [""]}, 422, "args"),
    ({"command": "a\x00b"}, 422, "command"),
    ({"command": 5}, 422, "command"),
    ({"env": {"1X": "a"}}, 422, "env.1X"),
    ({"env": {"A=B": "a"}}, 422, "env.A=B"),
    ({"env": {"OUTRIDER_JOB_ID": "a"}}, 422, "env.OUTRIDER_JOB_ID"),
    ({"env": {"A": "x\x00"}}, 422, "env.A"),
    ({"env": {"A": 1}}, 422, "env.A"),
    ({"ports": [80]}, 422, "ports.0"),
    ({"ports": [70000]}, 422, "ports.0"),
    ({"ports": [8080, 8080]}, 422, "ports"),
    ({"ports": [65432]}, 422, "ports.0"),
    ({"workspace": {"type": "git", "url": "ssh://-oProxyCommand=id/x"}}, 422, "workspace.url"),
    ({"workspace": {"type": "git", "url": "ssh://-oProxyCommand=id@host/x"}}, 422, "workspace.url"),
    ({"workspace": {"type": "git", "url": "https://[::1/x"}}, 422, "workspace.url"),
    ({"workspace": {"type": "git", "url": "https://host:port/x"}}, 422, "workspace.url"),
    ({"ports": ["8080"]}, 422, "ports.0"),
    ({"timeout_s": -1}, 422, "timeout_s"),
    ({"timeout_s": 0}, 422, "timeout_s"),
    ({"timeout_s": 1.5}, 422, "timeout_s"),
    ({"retries": -1}, 422, "retries"),
    ({"priority": 101}, 422, "priority"),
    ({"nodes": 2}, 422, "nodes"),
    ({"shm_mb": 10**9}, 422, "shm_mb"),
    ({"name": "a\U0001f600b"}, 422, "name"),
    ({"name": "two\nlines"}, 422, "name"),
    ({"name": "x" * 10_000}, 422, "name"),
    ({"name": " "}, 422, "name"),
    ({"name": ""}, 422, "name"),
    ({"tags": ["a b"]}, 422, "tags.0"),
    ({"tags": ["x"] * 100}, 422, "tags"),
    ({"project": "../x"}, 422, "project"),
    ({"group": "strangers"}, 422, "group"),
    ({"secrets": ["WANDB"]}, 422, "secrets"),
    ({"cluster": "mars"}, 422, "cluster"),
    ({"params": {"a b": 1}}, 422, "params.a b"),
    ({"params": {"a": "x" * 100_000}}, 422, "params"),
    ({"inputs": {"../x": "j000000000000"}}, 422, "inputs.../x"),
    ({"inputs": {"x": "j000000000000"}}, 422, "inputs.x"),
    ({"workspace": {"type": "snapshot", "id": "sha256:" + "0" * 64}}, 422, "workspace.id"),
    ({"workspace": {"type": "snapshot", "id": "../../x"}}, 422, "workspace.id"),
    ({"workspace": {"type": "ftp"}}, 422, "workspace"),
    ({"workspace": {"type": "git", "url": "file:///etc"}}, 422, "workspace.url"),
    ({"workspace": {"type": "git", "url": "git://x/y"}}, 422, "workspace.url"),
    ({"workspace": {"type": "git", "url": "https://u:p@x/y"}}, 422, "workspace.url"),
    ({"workspace": {"type": "git", "url": "https://x/y", "ref": "--upload-pack=x"}}, 422, "workspace.ref"),
    ({"command": None, "notebook": "a.ipynb"}, 422, "notebook"),
    ({"command": None, "notebook": "../a.ipynb"}, 422, "notebook"),
]


@pytest.mark.parametrize(
    ("change", "status", "field"), REFUSED, ids=[f"{f}-{n}" for n, (_, _, f) in enumerate(REFUSED)]
)
def test_a_bad_submission_is_refused_by_field(alice: User, change: dict[str, Any], status: int, field: str) -> None:
    body = {k: v for k, v in (OK | change).items() if v is not None}
    answer = alice.post("/jobs", json=body)
    assert (answer.status_code, answer.json().get("field")) == (status, field), answer.text
    assert answer.json()["status"] == status
    assert len(answer.json()["message"]) > 10


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"{} {}"])
def test_broken_json(alice: User, body: bytes) -> None:
    answer = alice.post("/jobs", content=body)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["message"]


def test_a_body_without_end_is_refused(alice: User) -> None:
    assert alice.post("/jobs", content=b" " * (5 * 2**20)).status_code in (400, 413)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/jobs?limit=0", "limit"),
        ("/jobs?limit=x", "limit"),
        ("/jobs?cursor=%00", "cursor"),
        ("/jobs?status=resting", "status"),
        ("/jobs?colour=red", "colour"),
        ("/storage?path=../..", "path"),
        ("/storage?limit=-1", "limit"),
    ],
)
def test_bad_queries(alice: User, path: str, field: str) -> None:
    answer = alice.get(path)
    assert answer.status_code == 422
    assert answer.json()["field"].partition(".")[0] == field


def test_addresses_that_are_none(alice: User) -> None:
    assert alice.get("/nothing").status_code == 404
    assert alice.get("/jobs/nonsense").status_code == 404
    assert alice.put("/jobs").status_code == 405
    assert "POST" in alice.put("/jobs").headers["Allow"]


def test_too_large_a_workspace(service: ServiceProcess, alice: User) -> None:
    """600 MiB with a limit of 8: refused by its length alone, before the body is sent."""
    import socket

    with socket.create_connection(("127.0.0.1", service.port), 20) as connection:
        connection.sendall(
            b"POST /services/outrider/api/v1/snapshots HTTP/1.1\r\nHost: x\r\nContent-Type: application/zip\r\n"
            b"Authorization: token alice-token\r\nContent-Length: 629145600\r\n\r\n"
        )
        answer = connection.recv(65536).decode()
    assert " 413 " in answer.splitlines()[0]
    assert '"field":"workspace"' in answer
    assert "8 MiB are allowed" in answer


def test_a_workspace_that_grows_past_the_limit_while_sent(alice: User) -> None:
    def body() -> Any:
        for _ in range(20):
            yield b"x" * 2**20

    try:
        answer = alice.post("/snapshots", content=body())
    except Exception as error:
        assert "broken" in str(error).lower() or "reset" in str(error).lower()
    else:
        assert answer.status_code == 413
    assert list((alice.service.home / "uploads").iterdir()) == []


def bomb() -> bytes:
    """A small zip that says it holds 8 GiB."""
    data = bytearray(zip_of({"one": b"\0" * 1000, "two": b"\0" * 1000}))
    place = -1
    for _ in range(2):
        place = data.index(b"PK\x01\x02", place + 1)
        data[place + 24 : place + 28] = struct.pack("<I", 4_294_967_000)
    return bytes(data)


def link(name: str, target: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = 0o120777 << 16
        archive.writestr(info, target)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not a zip", "not a zip"),
        (zip_of({"../up": "x"}), "out of the workspace"),
        (zip_of({"/etc/x": "x"}), "out of the workspace"),
        (zip_of({"a/../../x": "x"}), "out of the workspace"),
        (zip_of({"a\\..\\x": "x"}), "illegal"),
        (bomb(), "when unpacked"),
    ],
)
def test_harmful_zips(alice: User, content: bytes, words: str) -> None:
    answer = alice.post("/snapshots", content=content)
    assert answer.status_code in (413, 422)
    assert answer.json()["field"] == "workspace"
    assert words in answer.json()["message"]


def test_a_link_out_of_the_workspace_is_refused_in_the_sandbox(alice: User) -> None:
    snapshot = alice.post("/snapshots", content=link("x", "/etc/passwd")).json()["id"]
    job = alice.run("cat x", workspace={"type": "snapshot", "id": snapshot})
    assert (job["status"], job["reason"]) == ("failed", "workspace_failed"), job


def test_a_repository_that_is_not_there(alice: User) -> None:
    workspace = {"type": "git", "url": "https://127.0.0.1:1/none.git"}
    job = alice.ended(alice.submit("true", workspace=workspace), timeout_s=120)
    assert (job["status"], job["reason"]) == ("failed", "workspace_failed")
    assert "127.0.0.1" in job["message"]


def test_too_many_waiting_jobs(make_service: Any) -> None:
    from tests.integration.harness import CATALOG

    catalog = CATALOG | {"limits": {"default": {"max_pending": 2}}}
    alice = make_service(catalog=catalog).start().user("alice")
    blocker = alice.submit("sleep 60", machine="whole")
    alice.until(blocker, "running")
    for _ in range(2):
        alice.submit("true", machine="whole")
    answer = alice.post("/jobs", json=OK)
    assert answer.status_code == 429
    assert "the limit (2)" in answer.json()["message"]
