"""JupyterLab in a sandbox, through the Hub and its proxy."""

import html
import json
import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import outrider_sandbox as sandbox
from tests.integration.hub.platform_process import client, connection, eventually

pytestmark = pytest.mark.timeout(300)


def notebook(url: str, token: str) -> Any:
    return client(url, token, follow_redirects=True)


def run_in_terminal(server: Any, command: Any, expected: Any) -> Any:
    """What a terminal in the notebook server shows."""
    from websockets.sync.client import connect

    name = server.post("api/terminals").json()["name"]
    url = str(server.base_url).replace("http", "ws", 1) + f"terminals/websocket/{name}"
    shown = ""
    with connect(
        url, sock=connection(url), additional_headers={"Authorization": server.headers["Authorization"]}
    ) as socket:
        socket.send(json.dumps(["stdin", command + "\r"]))
        deadline = time.monotonic() + 30
        while expected not in shown and time.monotonic() < deadline:
            kind, *rest = json.loads(socket.recv(timeout=30))
            shown += rest[0] if kind == "stdout" else ""
    return shown


def test_a_notebook_server_starts_answers_and_stops(platform: Any) -> None:
    token, free = platform.token(), platform.free()
    url = platform.start_notebook(token)
    with notebook(url, token) as server:
        assert "JupyterLab" in server.get("lab").text
        assert server.get("api/status").status_code == 200
        server.put("api/contents/kept.txt", json={"type": "file", "format": "text", "content": "mine"})
    assert platform.free()["small"] == free["small"] - 1
    platform.stop_notebook(token)
    eventually("the room is released", lambda: platform.free() == free)
    url = platform.start_notebook(token)
    with notebook(url, token) as server:
        assert server.get("api/contents/kept.txt").json()["content"] == "mine"
    platform.stop_notebook(token)


def test_inside_the_hub_is_reached_and_its_secrets_are_not(platform: Any) -> None:
    token = platform.token()
    url = platform.start_notebook(token, server="inside")
    with notebook(url, token) as server:
        python = (
            "python -c \"import os,urllib.request as u;print('answer:%s:' % u.urlopen(u.Request("
            "os.environ['OUTRIDER_URL']+'/services/outrider/api/v1/me',headers={'Authorization':"
            "'token '+os.environ['JUPYTERHUB_API_TOKEN']})).status)\""
        )
        assert "answer:200:" in run_in_terminal(server, python, "answer:200:")
        home = platform.home
        shown = run_in_terminal(server, f"cat {home}/login.json; echo done:$((1+1))", "done:2")
        assert platform.password not in shown
        shown = run_in_terminal(server, "env | cut -d= -f1 | tr '\\n' ' '; echo done:$((1+1))", "done:2")
        assert "CONFIGPROXY_AUTH_TOKEN" not in shown and "OUTRIDER_HOME" not in shown
    platform.stop_notebook(token, server="inside")


def test_no_room_is_told_to_the_person_who_waits(platform: Any) -> None:
    token = platform.token()
    first = f"first-{uuid4().hex[:8]}"
    platform.start_notebook(token, server=first, machine="whole")
    with platform.hub(token) as hub:
        answer = hub.post("/users/admin/servers/second", json={"machine": "whole"})
        assert answer.status_code == 429, answer.text
        assert answer.json()["message"].startswith("No machine of type whole is free")
        page = hub.get("/users/admin").json()["servers"]
        assert "second" not in page
    with platform.browser() as browser:
        platform.log_in(browser, "admin", platform.password)
        page = browser.get("/hub/spawn/admin/third").text
        action = html.unescape(re.search(r'action="([^"]+)"', page)[1])  # type: ignore[index]
        shown = browser.post(action, files={"machine": (None, "whole"), "image": (None, "")}).text
        assert "No machine of type whole is free" in html.unescape(shown)
    platform.stop_notebook(token, server=first)
    with platform.service(token) as service:

        def billed() -> Any:
            runs = service.get("/usage/runs").json()["items"]
            return [run for run in runs if run["name"] == f"admin/{first}"]

        (run,) = eventually("what it cost is in the ledger, once", billed)
        assert run["cost"] == pytest.approx(run["seconds"] * 1.5 / 3600, abs=1e-6)
        assert 0 < run["seconds"] < 600


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"maschine": "small"}, "maschine"),
        ({"machine": 3}, "machine"),
        ({"machine": "nowhere"}, "nowhere"),
        ({"machine": "huge"}, "huge"),
        ({"image": "outrider/jobs-only"}, "jobs-only"),
        ({"group": "others"}, "others"),
        ({"user_admin": True}, "user_admin"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_by_name(platform: Any, options: Any, word: str) -> None:
    with platform.hub(platform.token()) as hub:
        answer = hub.post("/users/admin/servers/odd", json=options)
        assert 400 <= answer.status_code < 500, answer.text
        assert word in answer.json()["message"]


def test_a_notebook_survives_the_hub(make_platform: Any) -> None:
    platform = make_platform().start()
    token = platform.token()
    url = platform.start_notebook(token)
    before = notebook(url, token).get("api/status").json()["started"]
    for kill in (False, True):
        if kill:
            os.kill(platform.pids("-m jupyterhub -f")[0], signal.SIGKILL)
            platform.process.wait(60)
        else:
            platform.stop()
        platform.start()
        with platform.hub(token) as hub:
            assert hub.get("/users/admin").json()["servers"][""]["ready"]
        assert notebook(url, token).get("api/status").json()["started"] == before
    platform.stop_notebook(token)


def test_a_server_that_dies_is_noticed(platform: Any) -> None:
    token, free = platform.token(), platform.free()
    platform.start_notebook(token, server="dies")
    state = sandbox.state(platform.home / "run" / "notebooks" / "admin--dies")
    assert state.phase == "running"
    os.kill(state.child_pid, signal.SIGKILL)  # type: ignore[arg-type]
    with platform.hub(token) as hub:
        eventually("the Hub knows", lambda: "dies" not in hub.get("/users/admin").json()["servers"])
    eventually("the room is released", lambda: platform.free() == free)


def test_the_culler_stops_an_idle_server(make_platform: Any) -> None:
    platform = make_platform(OUTRIDER_CULL_TIMEOUT="3", OUTRIDER_CULL_EVERY="1").start()
    token = platform.token()
    with platform.hub(token) as hub:
        hub.post("/users/admin/server", json={})
        eventually("it runs", lambda: hub.get("/users/admin").json()["servers"].get("", {}).get("ready"))
        eventually("it is stopped", lambda: "" not in hub.get("/users/admin").json()["servers"])


def test_keep_postpones_the_culler(make_platform: Any) -> None:
    platform = make_platform(OUTRIDER_CULL_TIMEOUT="3600", OUTRIDER_CULL_EVERY="600").start()
    token = platform.token()
    platform.start_notebook(token)
    with platform.service(token) as service:
        before = service.get("/notebooks/-").json()
        assert before["ready"] and before["stops_at"]
        eventually(
            "keep moves the end",
            lambda: service.post("/notebooks/-/keep").json()["stops_at"] > before["stops_at"],
        )
    platform.stop_notebook(token)


def test_without_bubblewrap_one_user_is_served_and_a_second_is_told_why(make_platform: Any, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("node", "sh", "git"):
        (programs / name).symlink_to(shutil.which(name))  # type: ignore[arg-type]
    platform = make_platform(
        PATH=str(programs),
        config="c.JupyterHub.authenticator_class = 'dummy'\nc.Authenticator.allow_all = True\n"
        "c.DummyAuthenticator.password = 'secret'\n",
    ).start()
    assert "bubblewrap is not installed" in platform.said()
    for name in ("ann", "bob"):
        with platform.browser() as browser:
            platform.log_in(browser, name, "secret")
    ann, bob = platform.token("ann", "secret"), platform.token("bob", "secret")
    url = platform.start_notebook(ann, "ann")
    with notebook(url, ann) as server:
        assert server.get("api/status").status_code == 200
        server.put("api/contents/kept.txt", json={"type": "file", "format": "text", "content": "mine"})
    assert list((platform.home / "users").rglob("kept.txt"))
    with platform.hub(bob) as hub:
        answer = hub.post("/users/bob/server", json={})
    assert answer.status_code == 403 and "ann" in answer.json()["message"], answer.text
    platform.stop_notebook(ann, "ann")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give sandboxes other uids")
def test_a_notebook_has_the_uid_of_its_user_s_jobs(platform: Any) -> None:
    allowed = sandbox.uid_range(sandbox.UIDS)
    assert allowed is not None
    if not (found := sandbox.usable(allowed, platform.home)).uids:
        pytest.skip(" ".join(found.notes))
    token = platform.token()
    platform.start_notebook(token, server="uid")
    [folder] = (platform.home / "run" / "notebooks").glob("*--uid")
    status = Path(f"/proc/{sandbox.state(folder).child_pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("Uid:")]
    assert int(line.split()[1]) in json.loads((platform.home / "uids.json").read_text()).values()
    assert int(line.split()[1]) in allowed
    platform.stop_notebook(token, server="uid")
