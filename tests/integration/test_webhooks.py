"""Notifications arrive, signed, also when the receiver or the service was away; and nowhere inside."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from outrider_service.notifications.message import signature
from tests.integration.harness import ServiceProcess, User, eventually

Make = Callable[..., ServiceProcess]


class Receiver:
    """Somebody's web server. Refuses as often as it is told to."""

    def __init__(self) -> None:
        self.refuse = 0
        self.heard: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                refused = receiver.refuse > 0
                receiver.refuse -= refused
                if not refused:
                    receiver.heard.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(500 if refused else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def test_the_end_of_a_job_is_told_and_signed(make_service: Make, receiver: Receiver) -> None:
    service = make_service(OUTRIDER_WEBHOOKS=receiver.origin).start()
    alice, bob = service.user("alice"), service.user("bob")
    added = alice.post("/webhooks", json={"url": f"{receiver.origin}/hook", "events": ["job.ended"]})
    assert added.status_code == 201, added.text
    key = added.json()["key"]
    assert alice.get("/webhooks").json()["items"][0]["key"] is None
    receiver.refuse = 1
    bob.run("true")
    job = alice.run("exit 3", name="nightly")
    # The first try failed, and is seen to have.
    eventually("the try is noted", lambda: alice.get("/webhooks").json()["items"][0]["last_error"] is not None)
    assert "500" in alice.get("/webhooks").json()["items"][0]["last_error"]
    # It is written down, so a service that is killed sends it when it is back.
    service.kill()
    service.start()
    eventually("it arrives", lambda: bool(receiver.heard), 60)
    ((headers, body),) = receiver.heard
    said = json.loads(body)
    assert said["type"] == "job.ended"
    told = {name: said["data"][name] for name in ("job", "name", "status", "reason", "exit_code")}
    assert told == {"job": job["id"], "name": "nightly", "status": "failed", "reason": "exited", "exit_code": 3}
    expected = signature(key, headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    assert headers["webhook-signature"] == expected


def test_what_is_told_is_the_owners_choice(make_service: Make, receiver: Receiver) -> None:
    priced = {"name": "tiny", "cpu": 0.1, "memory_mb": 128, "price_per_hour": 36.0}
    from tests.integration.harness import CATALOG

    catalog = {**CATALOG, "machines": [priced], "limits": {"user:alice": {"budget_per_month": 0.01}}}
    service = make_service(OUTRIDER_WEBHOOKS=receiver.origin, catalog=catalog).start()
    alice, spawner = service.user("alice"), User(service, "spawner-token")
    body = {"url": f"{receiver.origin}/", "events": ["notebook.stopping", "budget.warning"]}
    hook = alice.post("/webhooks", json=body).json()
    soon = {"stops_at": "2030-01-01T00:00:00Z", "reason": "not used for 12 hours"}
    assert spawner.post("/spawns/alice/lab/culling", json=soon).status_code == 204
    eventually("the cull is told", lambda: len(receiver.heard) == 1)
    assert alice.run("sleep 60")["reason"] == "over_budget"
    eventually("the budget is told", lambda: len(receiver.heard) == 2)
    assert [json.loads(body)["type"] for _, body in receiver.heard] == ["notebook.stopping", "budget.warning"]
    assert json.loads(receiver.heard[1][1])["data"]["subject"] == "user:alice"
    assert alice.http.patch(f"/webhooks/{hook['id']}", json={"enabled": False}).json()["enabled"] is False
    assert alice.delete(f"/webhooks/{hook['id']}").status_code == 204


def test_a_name_that_leads_inside_gets_nothing(make_service: Make, receiver: Receiver) -> None:
    service = make_service().start()
    alice = service.user("alice")
    written = alice.post("/webhooks", json={"url": f"http://127.0.0.1:{receiver.server.server_port}/"})
    assert written.status_code == 422 and written.json()["field"] == "url"
    url = f"https://localhost:{receiver.server.server_port}/"
    hook = alice.post("/webhooks", json={"url": url}).json()
    assert alice.post(f"/webhooks/{hook['id']}/test").status_code == 202
    eventually("the refusal is noted", lambda: alice.get("/webhooks").json()["items"][0]["last_error"] is not None)
    assert "inside this network" in alice.get("/webhooks").json()["items"][0]["last_error"]
    assert receiver.heard == []
