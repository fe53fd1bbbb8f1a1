"""The culler with a real Hub, real notebook servers and short times."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import outrider_sandbox as sandbox
from tests.integration.hub.platform_process import Platform, client, connection, eventually

pytestmark = pytest.mark.timeout(300)

IDLE_S = 6
CONFIG = """
c.JupyterHub.activity_resolution = 1
c.Spawner.environment = {"JUPYTERHUB_ACTIVITY_INTERVAL": "1"}
"""
CAPPED = "  - {name: capped, title: Capped, cpu: 0.5, memory_mb: 1024, idle_timeout_s: 0, max_age_s: 3600}\n"


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that stops what is not used for six seconds."""
    home: Path = tmp_path_factory.mktemp("culling") / "home"
    made = Platform(home, config=CONFIG, OUTRIDER_CULL_TIMEOUT=str(IDLE_S), OUTRIDER_CULL_EVERY="1")
    catalog = home / "catalog.yaml"
    catalog.write_text(catalog.read_text().replace("local:", CAPPED + "local:"))
    yield made.start()
    made.end()


def seen(platform: Platform, token: str, server: str) -> dict[str, Any]:
    with platform.service(token) as service:
        return dict(service.get(f"/notebooks/{server}").json())


def stopped(platform: Platform, token: str, server: str) -> bool:
    found = seen(platform, token, server)
    return not found["ready"] and found["pending"] is None


def test_an_open_page_that_nobody_touches_does_not_keep_a_server(quick: Platform) -> None:
    token = quick.token()
    with client(quick.start_notebook(token, server="open"), token) as lab:

        def ended() -> bool:
            for polled in ("api/kernels", "api/sessions", "api/terminals", "api/contents?content=1"):
                lab.get(polled)
            return stopped(quick, token, "open")

        eventually("it is stopped", ended)
    after = seen(quick, token, "open")
    assert after["stop_reason"] == f"idle for {IDLE_S} seconds"
    assert after["stopped_at"] and after["stops_at"] is None


def test_one_that_is_started_while_it_is_culled_has_its_whole_time(quick: Platform) -> None:
    token = quick.token()
    quick.start_notebook(token, server="again")
    first = seen(quick, token, "again")["started_at"]
    with quick.hub(token) as hub:
        # Taken as soon as the cull lets it; in the meantime the Hub says that the server is still there or ending.
        eventually(
            "it is started again", lambda: hub.post("/users/admin/servers/again", json={}).status_code in (201, 202)
        )
        eventually("it is ready", lambda: seen(quick, token, "again")["ready"])
    second = seen(quick, token, "again")
    assert second["started_at"] > first and second["stops_at"] > second["started_at"]
    eventually("the second one is stopped in its turn", lambda: stopped(quick, token, "again"))
    lived = datetime.fromisoformat(seen(quick, token, "again")["stopped_at"]) - datetime.fromisoformat(
        second["started_at"]
    )
    assert lived.total_seconds() >= IDLE_S


def test_a_kernel_busy_in_silence_is_use(quick: Platform) -> None:
    from websockets.sync.client import connect

    token = quick.token()
    with client(quick.start_notebook(token, server="busy"), token) as lab:
        kernel = lab.post("api/kernels", json={"name": "python3"}).json()["id"]
        address = str(lab.base_url).replace("http", "ws", 1) + f"api/kernels/{kernel}/channels"
        header = {"msg_id": uuid.uuid4().hex, "session": uuid.uuid4().hex, "username": "", "version": "5.3"}
        content = {"code": "import time; time.sleep(1000)", "silent": False, "store_history": False}
        message = {"header": header | {"msg_type": "execute_request"}, "parent_header": {}, "metadata": {}}
        with connect(
            address, sock=connection(address), additional_headers={"Authorization": f"token {token}"}
        ) as socket:
            socket.send(json.dumps(message | {"content": content, "channel": "shell", "buffers": []}))
            eventually("it computes", lambda: lab.get(f"api/kernels/{kernel}").json()["execution_state"] == "busy")

        def outlived() -> bool:
            found = seen(quick, token, "busy")
            assert found["ready"], found
            used, started = (datetime.fromisoformat(found[key]) for key in ("last_activity", "started_at"))
            return (used - started).total_seconds() > 3 * IDLE_S

        eventually("it lives for three times as long as an idle one", outlived)
        lab.post(f"api/kernels/{kernel}/interrupt")
    eventually("it is stopped when it has nothing to do", lambda: stopped(quick, token, "busy"))


def test_a_machine_type_with_an_age_cannot_be_kept_beyond_it(quick: Platform) -> None:
    token = quick.token()
    quick.start_notebook(token, server="capped", machine="capped")
    found = seen(quick, token, "capped")
    assert found["stop_final"] and "after 1 hour" in found["stop_reason"]
    with quick.service(token) as service:
        answer = service.post("/notebooks/capped/keep")
    assert answer.status_code == 409 and "after 1 hour" in answer.json()["message"]
    quick.stop_notebook(token, server="capped")
    assert seen(quick, token, "capped")["stop_reason"] is None, "its owner stopped it"


def test_a_hub_that_was_away_culls_when_it_is_back(quick: Platform) -> None:
    token = quick.token()
    quick.start_notebook(token, server="meanwhile")
    quick.stop()
    state = quick.home / "run" / "notebooks" / "admin--meanwhile"
    assert sandbox.state(state).phase == "running", "nobody is stopped because the Hub is"
    quick.start()
    eventually("it is stopped", lambda: stopped(quick, token, "meanwhile"))
    assert "idle for" in seen(quick, token, "meanwhile")["stop_reason"]
