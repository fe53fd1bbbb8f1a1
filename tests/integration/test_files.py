"""Artifacts, workspaces and /storage: lists, ranges, zips, uploads, and paths that try to leave."""

from __future__ import annotations

import io
import os
import zipfile
from uuid import uuid4

import pytest

from tests.integration.harness import User, zip_of


@pytest.fixture(scope="module")
def job_with_artifacts(alice: User) -> str:
    source = """
import os
os.makedirs('/artifacts/models/deep')
open('/artifacts/models/a.bin', 'wb').write(bytes(range(256)) * 4096)
open('/artifacts/models/deep/ä ö.txt', 'w').write('umlaut')
open('/artifacts/page.html', 'w').write('<script>alert(1)</script>')
os.symlink('models/a.bin', '/artifacts/latest')
os.symlink('/etc/passwd', '/artifacts/escape')
os.symlink('../../../outrider.db', '/artifacts/escape2')
os.symlink('/', '/artifacts/rootdir')
os.mkfifo('/artifacts/fifo')
"""
    return str(alice.ended(alice.code(source))["id"])


def test_lists(alice: User, job_with_artifacts: str) -> None:
    top = alice.get(f"/jobs/{job_with_artifacts}/artifacts").json()["items"]
    assert [(e["path"], e["type"]) for e in top] == [
        ("latest", "file"),
        ("models", "directory"),
        ("page.html", "file"),
    ]
    whole = alice.get(f"/jobs/{job_with_artifacts}/artifacts", params={"recursive": "true"}).json()["items"]
    assert [e["path"] for e in whole] == [
        "latest",
        "models",
        "models/a.bin",
        "models/deep",
        "models/deep/ä ö.txt",
        "page.html",
    ]
    first = alice.get(f"/jobs/{job_with_artifacts}/artifacts", params={"recursive": "true", "limit": 4}).json()
    rest = alice.get(
        f"/jobs/{job_with_artifacts}/artifacts", params={"recursive": "true", "cursor": first["next"]}
    ).json()
    assert [e["path"] for e in first["items"] + rest["items"]] == [e["path"] for e in whole]
    assert alice.get(f"/jobs/{job_with_artifacts}/artifacts", params={"path": "models/deep"}).json()["items"]


def test_downloads_with_ranges(alice: User, job_with_artifacts: str) -> None:
    url = f"/jobs/{job_with_artifacts}/artifacts/models/a.bin"
    whole = alice.get(url)
    assert whole.content == bytes(range(256)) * 4096
    part = alice.get(url, headers={"Range": "bytes=1000000-"})
    assert (part.status_code, part.content) == (206, whole.content[1000000:])
    assert part.headers["Content-Range"] == f"bytes 1000000-{2**20 - 1}/{2**20}"
    assert alice.get(url, headers={"Range": "bytes=-5"}).content == whole.content[-5:]
    assert alice.get(url, headers={"Range": "bytes=5-4"}).status_code == 416
    assert alice.get(url, headers={"Range": f"bytes={2**20}-"}).status_code == 416
    changed = alice.get(url, headers={"Range": "bytes=5-", "If-Range": '"other"'})
    assert changed.status_code == 200
    assert alice.http.head(url).headers["Content-Length"] == str(2**20)
    assert alice.get(f"/jobs/{job_with_artifacts}/artifacts/models/deep/ä ö.txt").text == "umlaut"
    assert alice.get(f"/jobs/{job_with_artifacts}/artifacts/latest").content == whole.content


def test_html_cannot_act_on_the_hubs_origin(alice: User, job_with_artifacts: str) -> None:
    answer = alice.get(f"/jobs/{job_with_artifacts}/artifacts/page.html")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_directory_comes_as_a_zip(alice: User, job_with_artifacts: str) -> None:
    answer = alice.get(f"/jobs/{job_with_artifacts}/artifacts/models")
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["a.bin", "deep/", "deep/ä ö.txt"]


@pytest.mark.parametrize(
    "path",
    ["escape", "escape2", "rootdir/etc/passwd", "rootdir", "fifo", "%2e%2e/workspace/main.py"],
)
def test_nothing_outside_is_given_out(alice: User, job_with_artifacts: str, path: str) -> None:
    answer = alice.get(f"/jobs/{job_with_artifacts}/artifacts/{path}")
    assert answer.status_code in (404, 422), answer.content[:100]
    raw = alice.http.request(
        "GET", f"{alice.service.base}/jobs/{job_with_artifacts}/artifacts/..%2f..%2f..%2foutrider.db"
    )
    assert raw.status_code in (404, 422)


def test_the_workspace_can_be_read(alice: User, job_with_artifacts: str) -> None:
    names = [e["path"] for e in alice.get(f"/jobs/{job_with_artifacts}/workspace").json()["items"]]
    assert "main.py" in names
    assert "mkfifo" in alice.get(f"/jobs/{job_with_artifacts}/workspace/main.py").text


def test_storage_put_get_list_delete(alice: User) -> None:
    data = os.urandom(3 * 2**20)
    put = alice.put("/storage/up/load/ed.bin", content=data)
    assert (put.status_code, put.json()["size"]) == (200, len(data))
    assert alice.get("/storage/up/load/ed.bin").content == data
    assert alice.lines(alice.run("stat -c %s /storage/up/load/ed.bin")["id"]) == [str(len(data))]
    assert alice.put("/storage/up/load/ed.bin", content=b"new").status_code == 200
    assert alice.get("/storage/up/load/ed.bin").text == "new"
    assert [e["path"] for e in alice.get("/storage", params={"path": "up/load"}).json()["items"]] == ["up/load/ed.bin"]
    assert alice.put("/storage/up/load", content=b"x").status_code == 409
    assert alice.put("/storage/up/load/ed.bin/below", content=b"x").status_code == 409
    assert alice.delete("/storage/up").status_code == 204
    assert alice.delete("/storage/up").status_code == 404
    assert alice.get("/storage/up/load/ed.bin").status_code == 404


def test_storage_cannot_be_left(alice: User, bob: User) -> None:
    bob.put("/storage/private", content=b"bob's")
    alice.run("ln -s / /storage/root; ln -s ../../ /storage/up; ln -s /storage /storage/loop")
    slug = "bob"
    for path in (
        f"up/{slug}/storage/private",
        "root/etc/hostname",
        "loop/loop",
        f"%2e%2e/%2e%2e/{slug}/storage/private",
    ):
        assert alice.get(f"/storage/{path}").status_code in (404, 422), path
        assert alice.put(f"/storage/{path}", content=b"x").status_code in (404, 409, 422), path
    assert alice.get("/storage/%2e%2e/%2e%2e/outrider.db").status_code in (404, 422)
    assert alice.delete("/storage/root").status_code == 204, "the link goes, not what it points to"
    assert bob.get("/storage/private").text == "bob's"


def test_an_upload_that_breaks_off_leaves_nothing(alice: User) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", alice.service.port)) as connection:
        connection.sendall(
            b"PUT /services/outrider/api/v1/storage/half HTTP/1.1\r\nHost: x\r\nAuthorization: token alice-token\r\n"
            b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000
        )
    from tests.integration.harness import eventually

    storage = alice.service.home / "users" / "alice" / "storage"
    eventually("the part is removed", lambda: not [p for p in storage.iterdir() if "half" in p.name])
    assert alice.get("/storage/half").status_code == 404


def test_the_same_workspace_is_kept_once(alice: User, bob: User) -> None:
    content = zip_of({"same.py": f"print({uuid4().int})"})
    first, again, other = (u.post("/snapshots", content=content) for u in (alice, alice, bob))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == other.json()["id"]
    assert alice.get(f"/snapshots/{first.json()['id']}").json()["files"] == 1
