"""Who may call what, as a table generated from the routes: a new endpoint without a row here fails."""

from __future__ import annotations

import httpx
import pytest

from outrider_service.api.routing import Route
from outrider_service.app import ROUTES
from tests.integration.harness import ServiceProcess, User

CALLERS = ("anonymous", "reader", "owner", "member", "stranger", "admin")
# The status that each caller gets, in the order of CALLERS, on a job of alice's billed to the group of alice and
# carol. "reader" is alice's token with jobs:read alone, "member" is carol, "stranger" is bob.
EXPECTED: dict[tuple[str, str], tuple[int, int, int, int, int, int]] = {
    ("GET", "/me"): (401, 200, 200, 200, 200, 200),
    ("GET", "/machines"): (401, 200, 200, 200, 200, 200),
    ("GET", "/me/storage"): (401, 403, 200, 200, 200, 200),
    ("POST", "/machines"): (401, 403, 403, 403, 403, 422),
    ("PATCH", "/machines/{machine}"): (401, 403, 403, 403, 403, 404),
    ("DELETE", "/machines/{machine}"): (401, 403, 403, 403, 403, 404),
    ("GET", "/images"): (401, 200, 200, 200, 200, 200),
    ("GET", "/images/{path}/contents"): (401, 404, 404, 404, 404, 404),
    ("POST", "/images"): (401, 403, 403, 403, 403, 422),
    ("PATCH", "/images/{path}"): (401, 403, 403, 403, 403, 404),
    ("DELETE", "/images/{path}"): (401, 403, 403, 403, 403, 404),
    ("POST", "/images/check"): (401, 403, 422, 422, 422, 422),
    ("POST", "/images/{path}/check"): (401, 403, 403, 403, 403, 404),
    ("POST", "/images/{path}/pin"): (401, 403, 403, 403, 403, 404),
    ("POST", "/own-images"): (401, 403, 422, 422, 422, 422),
    ("POST", "/own-images/{path}/check"): (401, 403, 404, 404, 404, 404),
    ("POST", "/own-images/{path}/pin"): (401, 403, 404, 404, 404, 404),
    ("DELETE", "/own-images/{path}"): (401, 403, 404, 404, 404, 404),
    ("GET", "/limits"): (401, 403, 403, 403, 403, 200),
    ("PUT", "/limits/{subject}"): (401, 403, 403, 403, 403, 200),
    ("DELETE", "/limits/{subject}"): (401, 403, 403, 403, 403, 204),
    ("GET", "/health"): (200, 200, 200, 200, 200, 200),
    ("GET", "/metrics/prometheus"): (401, 403, 403, 403, 403, 200),
    ("POST", "/jobs"): (401, 403, 422, 422, 422, 422),
    ("POST", "/jobs/preflight"): (401, 403, 422, 422, 422, 422),
    ("GET", "/jobs"): (401, 200, 200, 200, 200, 200),
    ("GET", "/jobs/{job_id}"): (401, 200, 200, 200, 404, 200),
    ("POST", "/jobs/{job_id}/stop"): (401, 403, 202, 403, 404, 202),
    ("POST", "/jobs/{job_id}/clone"): (401, 403, 201, 201, 404, 201),
    ("GET", "/jobs/{job_id}/events"): (401, 200, 200, 200, 404, 200),
    ("GET", "/jobs/{job_id}/logs"): (401, 200, 200, 200, 404, 200),
    ("GET", "/jobs/{job_id}/metrics"): (401, 200, 200, 200, 404, 200),
    ("GET", "/jobs/{job_id}/metrics/{path}"): (401, 200, 200, 200, 404, 200),
    ("GET", "/jobs/{job_id}/artifacts"): (401, 200, 200, 200, 404, 200),
    ("GET", "/jobs/{job_id}/artifacts/{path}"): (401, 200, 200, 200, 404, 200),
    ("GET", "/jobs/{job_id}/workspace"): (401, 200, 200, 200, 404, 200),
    ("GET", "/jobs/{job_id}/workspace/{path}"): (401, 200, 200, 200, 404, 200),
    ("GET", "/storage"): (401, 403, 200, 200, 200, 200),
    ("PUT", "/storage/{path}"): (401, 403, 200, 200, 200, 200),
    ("GET", "/storage/{path}"): (401, 403, 200, 200, 200, 200),
    ("DELETE", "/storage/{path}"): (401, 403, 204, 204, 204, 204),
    ("POST", "/snapshots"): (401, 403, 422, 422, 422, 422),
    ("GET", "/snapshots/{snapshot_id}"): (401, 403, 404, 404, 404, 404),
    # The tests' users have no servers at the Hub.
    ("GET", "/notebooks"): (401, 200, 200, 200, 200, 200),
    ("GET", "/notebooks/{server}"): (401, 404, 404, 404, 404, 404),
    ("POST", "/notebooks/{server}"): (401, 403, 409, 409, 409, 409),
    ("DELETE", "/notebooks/{server}"): (401, 403, 204, 204, 204, 204),
    ("POST", "/notebooks/{server}/keep"): (401, 403, 404, 404, 404, 404),
    ("GET", "/secrets"): (401, 200, 200, 200, 200, 200),
    ("POST", "/secrets/rotate"): (401, 403, 403, 403, 403, 200),
    ("PUT", "/secrets/{kind}/{name}"): (401, 403, 422, 422, 422, 422),
    ("DELETE", "/secrets/{kind}/{name}"): (401, 403, 404, 404, 404, 404),
    ("PUT", "/registries/{name}"): (401, 403, 403, 403, 403, 422),
    ("DELETE", "/registries/{name}"): (401, 403, 403, 403, 403, 404),
    ("GET", "/usage"): (401, 200, 200, 200, 200, 200),
    ("GET", "/usage/runs"): (401, 200, 200, 200, 200, 200),
    ("GET", "/webhooks"): (401, 200, 200, 200, 200, 200),
    ("POST", "/webhooks"): (401, 403, 422, 422, 422, 422),
    ("PATCH", "/webhooks/{webhook}"): (401, 403, 404, 404, 404, 404),
    ("DELETE", "/webhooks/{webhook}"): (401, 403, 404, 404, 404, 404),
    ("POST", "/webhooks/{webhook}/test"): (401, 403, 404, 404, 404, 404),
    ("POST", "/spawns/{user}/{server}/started"): (401, 403, 403, 403, 403, 403),
    ("POST", "/spawns/{user}/{server}/culling"): (401, 403, 403, 403, 403, 403),
    ("POST", "/spawns/{user}/{server}/culled"): (401, 403, 403, 403, 403, 403),
    ("PUT", "/notebooks/{server}/gpu"): (401, 403, 422, 422, 422, 422),
    ("POST", "/spawns/{user}/check"): (401, 403, 403, 403, 403, 403),
    ("GET", "/spawns"): (401, 403, 403, 403, 403, 403),
    ("POST", "/spawns/{user}/offer"): (401, 403, 403, 403, 403, 403),
    ("GET", "/spawns/{user}/{server}"): (401, 403, 403, 403, 403, 403),
    ("PUT", "/spawns/{user}/{server}"): (401, 403, 403, 403, 403, 403),
    ("DELETE", "/spawns/{user}/{server}"): (401, 403, 403, 403, 403, 403),
    ("DELETE", "/jobs/{job_id}"): (401, 403, 204, 403, 404, 204),
}
EXAMPLE = {
    "path": "x",
    "server": "none",
    "user": "alice",
    "machine": "none",
    "subject": "user:nobody",
    "kind": "variable",
    "name": "NONE",
    "webhook": "none",
    "snapshot_id": "sha256:" + "0" * 64,
}
SOURCE = """
import json, os
print(json.dumps({"chart": "x", "y": 1}))
open("/artifacts/x", "w").close()
open("/workspace/x", "w").close()
"""


def row(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.fixture(scope="module")
def callers(service: ServiceProcess, alice: User, bob: User, carol: User, root: User) -> dict[str, User]:
    scopes = [
        "custom:outrider:jobs:read!user=alice",
        "access:services!service=outrider",
        "read:users:groups!user=alice",
    ]
    nobody = User(service, "")
    nobody.http = httpx.Client(base_url=service.base)
    return {
        "anonymous": nobody,
        "reader": User(service, service.hub.token("alice", scopes=scopes)),
        "owner": alice,
        "member": carol,
        "stranger": bob,
        "admin": root,
    }


@pytest.fixture(scope="module")
def team_job(alice: User) -> str:
    return str(alice.ended(alice.code(SOURCE, group="team"))["id"])


@pytest.mark.parametrize("route", ROUTES, ids=row)
def test_every_endpoint_for_every_caller(route: Route, callers: dict[str, User], team_job: str, alice: User) -> None:
    expected = EXPECTED[route.method, route.path]
    for name, status in zip(CALLERS, expected, strict=True):
        job_id = team_job
        if (route.method, route.path) == ("DELETE", "/jobs/{job_id}") and status == 204:
            job_id = str(alice.ended(alice.submit("true", group="team"))["id"])
        user = callers[name]
        if route.path == "/storage/{path}" and route.method != "PUT" and status in (200, 204):
            user.put("/storage/x", content=b"x")
        path = route.path.format(job_id=job_id, **EXAMPLE)
        if (route.method, route.path) == ("DELETE", "/limits/{subject}") and status == 204:
            assert user.put(path, json={}).status_code == 200
        body = {"content": b"x"} if route.streams_body else {"json": {}} if route.request else {}  # type: ignore[dict-item]
        answer = user.http.request(route.method, path, **body)  # type: ignore[arg-type]
        assert answer.status_code == status, (name, answer.text[:300])
        if answer.status_code >= 400:
            assert answer.json()["status"] == answer.status_code


def test_no_row_is_left_over() -> None:
    assert {(r.method, r.path) for r in ROUTES} == set(EXPECTED)


@pytest.mark.parametrize("route", ROUTES, ids=row)
def test_methods_that_are_not_declared_are_refused(route: Route, alice: User, team_job: str) -> None:
    path = route.path.format(job_id=team_job, **EXAMPLE)
    declared = {other.method for other in ROUTES if other.pattern.fullmatch(path)} | {"HEAD"}
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "PROPFIND"):
        if method in declared:
            continue
        answer = alice.http.request(method, path)
        assert answer.status_code == 405, (method, path, answer.text[:300])
        assert answer.json()["status"] == 405
        assert set(answer.headers["Allow"].split(", ")) == declared - {"HEAD"}


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
def test_a_foreign_page_acts_with_nobodys_cookies(service: ServiceProcess, alice: User, site: str) -> None:
    sent = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    for method, path in (("GET", "/me"), ("POST", "/jobs")):
        answer = httpx.request(method, service.base + path, headers={**sent, "Cookie": "service-outrider=x"})
        assert answer.status_code == 403 and "another origin" in answer.json()["message"]
    # Whoever has a token needs no visitor.
    assert alice.get("/me", headers=sent).status_code == 200
