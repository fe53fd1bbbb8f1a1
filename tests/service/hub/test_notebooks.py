"""JupyterLab in a sandbox, through the Hub and its proxy."""

import json
import os
import signal
import time

import httpx
import outrider_sandbox as sandbox
import pytest

from tests.service.hub.platform_process import eventually

pytestmark = pytest.mark.timeout(300)


def notebook(platform, path, token):
    return httpx.Client(
        base_url=platform.url + path,
        headers={"Authorization": f"token {token}"},
        timeout=30,
        follow_redirects=True,
    )


def leases(platform):
    return platform.service(platform.token()).get("/spawns").json()["leases"]


def run_in_terminal(client, command, expected):
    """What a terminal in the notebook server shows."""
    from websockets.sync.client import connect

    name = client.post("api/terminals").json()["name"]
    url = str(client.base_url).replace("http", "ws", 1) + f"terminals/websocket/{name}"
    shown = ""
    with connect(url, additional_headers={"Authorization": client.headers["Authorization"]}) as socket:
        socket.send(json.dumps(["stdin", command + "\r"]))
        deadline = time.monotonic() + 30
        while expected not in shown and time.monotonic() < deadline:
            kind, *rest = json.loads(socket.recv(timeout=30))
            shown += rest[0] if kind == "stdout" else ""
    return shown


def test_a_notebook_server_starts_answers_and_stops(platform):
    token = platform.token()
    path = platform.start_notebook(token)
    with notebook(platform, path, token) as server:
        assert "JupyterLab" in server.get("lab").text
        assert server.get("api/status").status_code == 200
        server.put("api/contents/kept.txt", json={"type": "file", "format": "text", "content": "mine"})
    assert leases(platform) == ["admin/-"]
    platform.stop_notebook(token)
    eventually("the room is released", lambda: leases(platform) == [])
    path = platform.start_notebook(token)
    with notebook(platform, path, token) as server:
        assert server.get("api/contents/kept.txt").json()["content"] == "mine"
    platform.stop_notebook(token)


def test_inside_the_hub_is_reached_and_its_secrets_are_not(platform):
    token = platform.token()
    path = platform.start_notebook(token, server="inside")
    with notebook(platform, path, token) as server:
        python = (
            "python -c \"import os,urllib.request as u;print('answer:%s:' % u.urlopen(u.Request("
            "os.environ['OUTRIDER_URL']+'/services/outrider/api/v1/caller',headers={'Authorization':"
            "'token '+os.environ['JUPYTERHUB_API_TOKEN']})).status)\""
        )
        assert "answer:200:" in run_in_terminal(server, python, "answer:200:")
        home = platform.home
        shown = run_in_terminal(server, f"cat {home}/login.json; echo done:$((1+1))", "done:2")
        assert platform.password not in shown
        shown = run_in_terminal(server, "env | cut -d= -f1 | tr '\\n' ' '; echo done:$((1+1))", "done:2")
        assert "CONFIGPROXY_AUTH_TOKEN" not in shown and "OUTRIDER_HOME" not in shown
    platform.stop_notebook(token, server="inside")


def test_no_room_is_told_to_the_person_who_waits(platform):
    with platform.hub(platform.token()) as hub:
        answer = hub.post("/users/admin/servers/crowded", json={"machine": "full"})
        assert answer.status_code == 429, answer.text
        assert answer.json()["message"] == "No machine of this type is free. Choose a smaller one."


def test_an_unknown_option_is_refused_by_name(platform):
    with platform.hub(platform.token()) as hub:
        answer = hub.post("/users/admin/servers/odd", json={"maschine": "small"})
        assert answer.status_code == 400
        assert "maschine" in answer.json()["message"]


def test_the_form_offers_images_and_machines(platform):
    with platform.browser() as browser:
        platform.log_in(browser, "admin", platform.password)
        page = browser.get("/hub/spawn").text
        assert 'name="image"' in page and "Small (1 CPU, 2 GB) · free of charge · 1 free now" in page


def test_a_notebook_survives_the_hub(make_platform):
    platform = make_platform().start()
    token = platform.token()
    path = platform.start_notebook(token)
    before = notebook(platform, path, token).get("api/status").json()["started"]
    for kill in (False, True):
        if kill:
            os.kill(platform.pids("-m jupyterhub -f")[0], signal.SIGKILL)
            platform.process.wait(60)
        else:
            platform.stop()
        platform.start()
        with platform.hub(token) as hub:
            assert hub.get("/users/admin").json()["servers"][""]["ready"]
        assert notebook(platform, path, token).get("api/status").json()["started"] == before
    platform.stop_notebook(token)


def test_a_server_that_dies_is_noticed(platform):
    token = platform.token()
    platform.start_notebook(token, server="dies")
    state = sandbox.state(platform.home / "run" / "notebooks" / "admin--dies")
    assert state.phase == "running"
    os.kill(state.child_pid, signal.SIGKILL)
    with platform.hub(token) as hub:
        eventually("the Hub knows", lambda: "dies" not in hub.get("/users/admin").json()["servers"])
    eventually("the room is released", lambda: leases(platform) == [])


def test_the_culler_stops_an_idle_server(make_platform):
    platform = make_platform(OUTRIDER_CULL_TIMEOUT="3", OUTRIDER_CULL_EVERY="1").start()
    token = platform.token()
    with platform.hub(token) as hub:
        hub.post("/users/admin/server", json={})
        eventually("it runs", lambda: hub.get("/users/admin").json()["servers"].get("", {}).get("ready"))
        eventually("it is stopped", lambda: "" not in hub.get("/users/admin").json()["servers"])
