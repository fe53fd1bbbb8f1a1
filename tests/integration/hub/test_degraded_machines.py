"""The first hour of an ordinary user on a machine that lacks something: everything works, and what is lost is said."""

from __future__ import annotations

import http.server
import io
import json
import os
import signal
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.sync.client import connect

from outrider_hub.launch.hub_process import default_config

from .machines import Machine
from .platform_process import Platform, client, connection, eventually

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("degraded-machines")]
ENDED = ("succeeded", "failed", "cancelled")
NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "cells": [
        {"id": "a", "cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": "6 * 7"}
    ],
}


@dataclass(frozen=True)
class Lack:
    """What a machine lacks, and what is said of it."""

    what: str
    said: str
    web_only: bool | None = None  # None: whatever this machine can do besides
    sandboxes: bool = True


LACKS = [
    Lack("tun", "/dev/net/tun is missing or not accessible", web_only=True),
    Lack("cgroups", "No memory cgroup can be made here"),
    Lack("slirp4netns", "slirp4netns is not installed", web_only=True),
    Lack("bwrap", "bubblewrap is not installed", web_only=False, sandboxes=False),
]


@dataclass(frozen=True)
class Started:
    lack: Lack
    platform: Platform
    token: str
    web: str


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the page")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    """A web server that the operator allows, at an address that no NO_PROXY names."""
    server = http.server.ThreadingHTTPServer(("127.0.0.2", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.2:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module", params=LACKS, ids=lambda lack: lack.what)
def started(request: pytest.FixtureRequest, web: str) -> Iterator[Started]:
    machine = Machine(request.param.what)
    prefix = machine.prefix()
    platform = Platform(machine.person / "home", prefix=prefix, OUTRIDER_WEB_HOSTS=web)
    machine.own()
    try:
        platform.start("--config", str(default_config()))  # with the sample job, as a first start
        yield Started(request.param, platform, platform.token(), web)
    finally:
        platform.stop()
        for status in (platform.home / "run").glob("*/*/status.json"):
            # What belongs to another user cannot be asked to stop by a file; without its supervisor it ends.
            said = json.loads(status.read_text())
            if said.get("phase") in ("starting", "running"):
                os.kill(said["pid"], signal.SIGKILL)
        machine.close()


def run(started: Started, files: dict[str, str], **job: Any) -> dict[str, Any]:
    """A job with these files, at its end."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    with started.platform.service(started.token) as service:
        zipped = {"Content-Type": "application/zip"}
        snapshot = service.post("/snapshots", content=buffer.getvalue(), headers=zipped).json()
        body = {"workspace": {"type": "snapshot", "id": snapshot["id"]}, "machine": "small", **job}
        answer = service.post("/jobs", json=body)
        assert answer.status_code == 201, answer.text

        def end() -> Any:
            found = service.get(f"/jobs/{answer.json()['id']}").json()
            return found["status"] in ENDED and found

        ended: dict[str, Any] = eventually("the job ends", end)
        lines = service.get(f"/jobs/{ended['id']}/logs", params={"after": 0, "limit": 1000}).json()["items"]
        ended["log"] = [line["text"] for line in lines]
        return ended


def computed(address: str, token: str, code: str) -> str:
    """What a kernel prints, by its channels."""
    header = {"msg_id": "1", "msg_type": "execute_request", "username": "", "session": "1", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    with connect(address, sock=connection(address), additional_headers={"Authorization": f"token {token}"}) as channels:
        channels.send(json.dumps({**message, "buffers": []}))
        while True:
            said = json.loads(channels.recv(60))
            if said["header"]["msg_type"] == "stream":
                return str(said["content"]["text"])


def test_the_start_says_what_is_lost_and_the_sample_job_succeeds(started: Started) -> None:
    said = started.platform.said()
    assert "The sample training job" in said and "succeeded: accuracy" in said, said
    (note,) = [line for line in said.splitlines() if started.lack.said in line]
    assert note.startswith("Note: ")
    if started.lack.web_only:
        assert "Web access only" in note
    assert started.lack.said in started.platform.log()


def test_the_pages_are_told(started: Started) -> None:
    with started.platform.service(started.token) as service:
        notes = service.get("/me").json()["notes"]
    assert [note for note in notes if started.lack.said in note]
    if started.lack.web_only is not None:
        assert any(note.startswith("Web access only") for note in notes) == started.lack.web_only


def test_a_job_reaches_the_web(started: Started) -> None:
    script = f"""
import os, urllib.request
print(urllib.request.urlopen("http://{started.web}/", timeout=20).read().decode())
with urllib.request.urlopen(os.environ["OUTRIDER_URL"] + "/hub/api/", timeout=20) as answer:
    print("the Hub answers", answer.status)
print("proxy" if "HTTPS_PROXY" in os.environ else "no proxy")
"""
    ended = run(started, {"job.py": script}, command="python job.py")
    assert ended["status"] == "succeeded", ended
    assert ended["log"][:2] == ["the page", "the Hub answers 200"]
    if started.lack.web_only is not None:
        assert (ended["log"][2] == "proxy") == started.lack.web_only


def test_a_notebook_job(started: Started) -> None:
    ended = run(started, {"sum.ipynb": json.dumps(NOTEBOOK)}, notebook="sum.ipynb")
    assert ended["status"] == "succeeded", ended
    with started.platform.service(started.token) as service:
        executed = service.get(f"/jobs/{ended['id']}/artifacts/sum.ipynb").json()
    assert executed["cells"][0]["outputs"][0]["data"]["text/plain"] == ["42"]


def test_a_notebook_server_runs_a_kernel(started: Started) -> None:
    url = started.platform.start_notebook(started.token, machine="small")
    with client(f"{url}api/", started.token) as lab:
        answer = lab.post("kernels")
        assert answer.status_code == 201, answer.text
        address = str(lab.base_url).replace("http", "ws", 1) + f"kernels/{answer.json()['id']}/channels"
        assert computed(address, started.token, "print(6 * 7)") == "42\n"
    started.platform.stop_notebook(started.token)
