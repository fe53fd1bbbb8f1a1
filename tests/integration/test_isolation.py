"""Two users: neither sees, reads, stops or reaches what is the other's, by the API or from inside a sandbox."""

from __future__ import annotations

import pytest

from tests.integration.harness import ServiceProcess, User, zip_of

UNSEEN = [
    ("GET", ""),
    ("DELETE", ""),
    ("POST", "/stop"),
    ("POST", "/clone"),
    ("GET", "/logs"),
    ("GET", "/events"),
    ("GET", "/metrics"),
    ("GET", "/metrics/loss"),
    ("GET", "/artifacts"),
    ("GET", "/artifacts/secret"),
    ("GET", "/workspace"),
    ("GET", "/workspace/main.py"),
]


@pytest.fixture(scope="module")
def secret_job(alice: User) -> str:
    source = "import json; print(json.dumps({'chart': 'loss', 'y': 1})); open('/artifacts/secret', 'w').write('s')"
    return str(alice.ended(alice.code(source, ports=[8080]))["id"])


@pytest.mark.parametrize(("method", "path"), UNSEEN)
def test_somebody_elses_job_looks_like_none(bob: User, secret_job: str, method: str, path: str) -> None:
    answer = bob.http.request(method, f"/jobs/{secret_job}{path}", json={} if method == "POST" else None)
    absent = bob.http.request(method, f"/jobs/j{'0' * 12}{path}", json={} if method == "POST" else None)
    assert answer.status_code == 404
    assert answer.json() == absent.json()


def test_lists_show_ones_own(alice: User, bob: User, root: User, secret_job: str) -> None:
    def listed(user: User, **params: str) -> bool:
        return secret_job in [job["id"] for job in user.get("/jobs", params=params).json()["items"]]

    assert listed(alice)
    assert not listed(bob)
    assert not listed(bob, owner="alice")
    assert listed(root, owner="alice")


def test_the_admin_sees_and_stops(alice: User, root: User) -> None:
    job_id = alice.submit("sleep 60")
    alice.until(job_id, "running")
    assert root.get(f"/jobs/{job_id}/logs").status_code == 200
    assert root.post(f"/jobs/{job_id}/stop").status_code == 202
    assert alice.ended(job_id)["status"] == "cancelled"


def test_a_group_sees_what_is_billed_to_it_and_no_more(alice: User, bob: User, carol: User) -> None:
    job = alice.run("echo for the team", group="team")
    assert carol.lines(job["id"]) == ["for the team"]
    assert job["id"] in [item["id"] for item in carol.get("/jobs").json()["items"]]
    assert carol.post(f"/jobs/{job['id']}/stop").status_code == 403
    assert carol.delete(f"/jobs/{job['id']}").status_code == 403
    assert bob.get(f"/jobs/{job['id']}").status_code == 404
    copy = carol.post(f"/jobs/{job['id']}/clone", json={})
    assert copy.status_code == 201
    assert copy.json()["owner"] == "carol"
    carol.ended(copy.json()["id"])


def test_storage_is_ones_own_and_the_teams(alice: User, bob: User, carol: User) -> None:
    alice.run("echo a > /storage/mine; echo t > /storage/teams/team/ours")
    assert bob.get("/storage/mine").status_code == 404
    assert bob.lines(bob.run("ls -A /storage /storage/teams 2>&1; ls /storage/mine 2>&1")["id"])[-1].endswith(
        "No such file or directory"
    )
    assert carol.lines(carol.run("cat /storage/teams/team/ours; ls /storage")["id"]) == ["t", "teams"]


def test_a_snapshot_must_be_ones_own_to_be_used(alice: User, bob: User) -> None:
    snapshot = alice.upload({"main.py": "print('private')"})
    answer = bob.post("/jobs", json={"command": "true", "workspace": {"type": "snapshot", "id": snapshot}})
    assert (answer.status_code, answer.json()["field"]) == (422, "workspace.id")
    assert bob.get(f"/snapshots/{snapshot}").status_code == 404


def test_inputs_must_be_ones_own(bob: User, secret_job: str) -> None:
    answer = bob.post("/jobs", json={"command": "true", "inputs": {"x": secret_job}})
    assert (answer.status_code, answer.json()["field"]) == (422, "inputs.x")


def test_nothing_of_the_platform_or_of_others_is_visible_inside(alice: User, bob: User) -> None:
    held = alice.submit("sleep 60", ports=[8080])
    alice.until(held, "running")
    home = bob.service.home
    job = bob.run(
        f"""ls -d {home} {home}/outrider.db 2>&1
ls /proc | grep -c '^[0-9]'
for p in {bob.service.port} {bob.service.hub.port + 1}; do
  python3 -c "import socket; socket.create_connection(('127.0.0.1', $p), 2)" 2>&1 | tail -1; done
ls {home}/run/jobs/{held}-1/ports 2>&1"""
    )
    lines = bob.lines(job["id"])
    assert [line.rpartition(": ")[2] for line in lines[:2]] == ["No such file or directory"] * 2
    assert int(lines[2]) < 15, "only its own processes"
    assert all("refused" in line for line in lines[3:5]), lines
    assert lines[5].endswith("No such file or directory")
    alice.post(f"/jobs/{held}/stop")


def test_two_jobs_use_the_same_port_and_do_not_meet(alice: User, bob: User) -> None:
    serve = (
        "import http.server, sys\n"
        "class H(http.server.BaseHTTPRequestHandler):\n"
        "  def do_GET(self):\n"
        "    self.send_response(200); self.end_headers(); self.wfile.write(sys.argv[1].encode())\n"
        "http.server.HTTPServer(('127.0.0.1', 8080), H).serve_forever()\n"
    )
    jobs = {}
    for user in (alice, bob):
        snapshot = user.upload({"s.py": serve})
        workspace = {"type": "snapshot", "id": snapshot}
        jobs[user.name] = user.submit(f"python s.py {user.name}", workspace=workspace, ports=[8080])
    for user in (alice, bob):
        user.until(jobs[user.name], "running")
        assert _endpoint(user, jobs[user.name]).text == user.name  # type: ignore[attr-defined]
    assert _endpoint(bob, jobs["alice"], wait=False).status_code == 404  # type: ignore[attr-defined]
    for user in (alice, bob):
        user.post(f"/jobs/{jobs[user.name]}/stop")


def _endpoint(user: User, job_id: str, wait: bool = True) -> object:
    from tests.integration.harness import eventually

    def ask() -> object:
        url = f"http://127.0.0.1:{user.service.port}/services/outrider/endpoints/{job_id}/8080/"
        answer = user.http.get(url)
        return answer if answer.status_code != 503 or not wait else None

    return eventually("the program answers", ask)


def test_a_restricted_machine_or_image_is_unknown_to_others(alice: User, bob: User) -> None:
    assert "team-box" in [m["name"] for m in alice.get("/machines").json()["items"]]
    assert "team-box" not in [m["name"] for m in bob.get("/machines").json()["items"]]
    assert bob.post("/jobs", json={"command": "true", "machine": "team-box"}).json()["field"] == "machine"
    assert bob.post("/jobs", json={"command": "true", "image": "team-only"}).json()["field"] == "image"


def test_a_token_with_fewer_scopes_can_do_less(service: ServiceProcess, alice: User) -> None:
    job = alice.run("true")
    reader = User(
        service,
        service.hub.token("alice", scopes=["custom:outrider:jobs:read!user=alice", "access:services!service=outrider"]),
    )
    assert reader.get(f"/jobs/{job['id']}").status_code == 200
    assert reader.post("/jobs", json={"command": "true"}).status_code == 403
    assert reader.post(f"/jobs/{job['id']}/stop").status_code == 403
    assert reader.post(f"/jobs/{job['id']}/clone", json={}).status_code == 403
    assert reader.get("/storage").status_code == 403


def test_wrong_expired_and_revoked_tokens(service: ServiceProcess) -> None:
    import httpx

    from tests.integration.harness import eventually

    assert httpx.get(f"{service.base}/me").status_code == 401
    assert User(service, "nonsense").get("/me").status_code == 401
    short = User(service, service.hub.token("bob", expires_in=1))
    eventually("it has expired", lambda: short.get("/me").status_code == 401)
    made = service.hub.new_token("bob")
    user = User(service, made["token"])
    assert user.get("/me").json()["name"] == "bob"
    tokens = f"{service.hub.api}/users/bob/tokens"
    httpx.delete(f"{tokens}/{made['id']}", headers={"Authorization": "token bob-token"}).raise_for_status()
    eventually("it is revoked", lambda: user.get("/me").status_code == 401)


def test_a_revoked_token_reads_on_for_moments_only(service: ServiceProcess, alice: User) -> None:
    import httpx

    made = service.hub.new_token("alice")
    user = User(service, made["token"])
    job_id = alice.submit("while sleep 0.5; do echo on; done")
    alice.until(job_id, "running")
    headers = {"Accept": "text/event-stream"}
    with user.http.stream("GET", f"/jobs/{job_id}/logs", headers=headers) as answer:
        events = answer.iter_lines()
        next(line for line in events if line.startswith("data"))
        tokens = f"{service.hub.api}/users/alice/tokens"
        httpx.delete(f"{tokens}/{made['id']}", headers={"Authorization": "token alice-token"}).raise_for_status()
        with pytest.raises(httpx.RemoteProtocolError):
            for _ in events:
                pass
    alice.post(f"/jobs/{job_id}/stop")


def test_nobody_learns_that_somebody_uploaded_the_same(alice: User, bob: User) -> None:
    same = zip_of({"the-same.py": "print('of both')"})
    for user in (alice, bob):
        assert user.post("/snapshots", content=same).status_code == 201
        assert user.post("/snapshots", content=same).status_code == 200


def test_nobody_learns_which_names_this_network_knows(alice: User) -> None:
    said = set()
    for host in ("localhost.localdomain", "no-such-name.invalid"):
        url = f"https://{host}/hook"
        made = alice.post("/webhooks", json={"url": url, "events": ["job.succeeded"]})
        said.add((made.status_code, made.text.replace(host, "HOST") if made.status_code >= 400 else ""))
    assert len(said) == 1
