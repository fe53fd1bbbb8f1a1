"""The ledger against what really ran, budgets that stop, storage that is full."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.harness import CATALOG, ENDED, HubProcess, ServiceProcess, User, eventually

Make = Callable[..., ServiceProcess]
PRICED: dict[str, Any] = {
    **CATALOG,
    "machines": [
        {"name": "tiny", "cpu": 0.1, "memory_mb": 128, "price_per_hour": 36.0},
        {"name": "free", "cpu": 0.1, "memory_mb": 128},
    ],
}


@pytest.fixture(scope="module")
def service(hub: HubProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    process = ServiceProcess(hub, tmp_path_factory.mktemp("usage"), catalog=PRICED)
    try:
        yield process.start()
    finally:
        process.clean()


@pytest.fixture(scope="module")
def alice(service: ServiceProcess) -> User:
    return service.user("alice")


@pytest.fixture(scope="module")
def bob(service: ServiceProcess) -> User:
    return service.user("bob")


@pytest.fixture(scope="module")
def root(service: ServiceProcess) -> User:
    return service.user("root")


def runs(user: User) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in user.get("/usage/runs").json()["items"]}


def ran(job: dict[str, Any], number: int = 1) -> tuple[str, str]:
    attempt = next(a for a in job["attempts"] if a["number"] == number)
    return attempt["started_at"], attempt["finished_at"]


def test_usage_is_what_ran_to_the_second(alice: User, bob: User, root: User) -> None:
    own = alice.run("sleep 1", project="vision")
    team = alice.run("true", group="team")
    line = runs(alice)[f"{own['id']}/1"]
    assert (line["started_at"], line["finished_at"]) == ran(own)
    assert line["cost"] == pytest.approx(line["seconds"] * 36 / 3600, abs=1e-5) == pytest.approx(own["cost"], abs=1e-5)
    by_project = {i["keys"]["project"]: i for i in alice.get("/usage?by=project").json()["items"]}
    assert by_project["vision"]["hours"] * 3600 == pytest.approx(line["seconds"], abs=0.01)
    both = alice.get("/usage").json()["total"]
    assert both["cost"] == pytest.approx(own["cost"] + team["cost"], abs=1e-5)
    # Of others one sees what is billed to one's groups, and nothing else; admins on request everything.
    carol = alice.service.user("carol")
    assert list(runs(carol)) == [f"{team['id']}/1"]
    assert runs(bob) == {} and bob.get("/usage").json()["items"] == []
    assert bob.get("/usage?all=true").status_code == 403
    everybody = {i["keys"]["user"] for i in root.get("/usage?by=user&all=true").json()["items"]}
    assert everybody == {"alice"}


def test_usage_as_a_table_for_a_spreadsheet(alice: User) -> None:
    alice.run("true")
    answer = alice.get("/usage", params={"by": ["machine", "day"], "format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows and set(rows[0]) == {"machine", "day", "hours", "gpu_hours", "cost"}
    assert alice.get("/usage?by=colour").json()["field"] == "by.0"
    assert alice.get("/usage?since=2024-02-01&until=2024-01-01").json()["field"] == "since"


def test_every_attempt_is_billed_once_however_often_the_service_dies(make_service: Make) -> None:
    service = make_service(catalog=PRICED).start()
    alice = service.user("alice")
    job = alice.submit("sleep 2; exit 1", retries=1)
    alice.until(job, "running")
    service.kill()
    service.start()
    alice.until(job, "pending", "provisioning", "running")
    service.kill()
    service.start()
    ended = alice.ended(job)
    assert [a["number"] for a in ended["attempts"]] == [1, 2]
    found = runs(alice)
    assert {name: (r["started_at"], r["finished_at"]) for name, r in found.items()} == {
        f"{job}/{n}": ran(ended, n) for n in (1, 2)
    }
    total = alice.get("/usage").json()["total"]["cost"]
    assert total == pytest.approx(sum(r["cost"] for r in found.values()), abs=1e-5)


def test_a_notebook_is_billed_by_its_containers_times(service: ServiceProcess, alice: User) -> None:
    spawner = User(service, "spawner-token")
    before = alice.get("/usage?kind=notebook").json()["total"]["cost"]
    path = "/spawns/alice/billed"
    spec = spawner.put(path, json={"machine": "tiny"}).json()
    assert spec["price_per_hour"] == 36.0
    import time

    begun = time.time() + 5
    assert spawner.post(f"{path}/started", json={"started_at": begun}).status_code == 204
    # Told twice: the Hub was not sure that it had been heard.
    for _ in range(2):
        end = spawner.delete(path, params={"started_at": begun, "finished_at": begun + 100})
        assert end.status_code == 204
    assert alice.get("/usage?kind=notebook").json()["total"]["cost"] == pytest.approx(before + 1.0)
    # One that never came up costs nothing.
    spawner.put(path, json={"machine": "tiny"})
    spawner.delete(path)
    assert alice.get("/usage?kind=notebook").json()["total"]["cost"] == pytest.approx(before + 1.0)


def test_a_budget_stops_a_job_and_refuses_the_next(root: User, bob: User) -> None:
    # A second on this machine costs a cent.
    assert root.put("/limits/user:bob", json={"budget_per_month": 0.02}).status_code == 200
    try:
        job = bob.ended(bob.submit("sleep 600"))
        assert (job["status"], job["reason"]) == ("cancelled", "over_budget")
        assert "budget" in job["message"]
        refused = bob.post("/jobs", json={"command": "true", "machine": "tiny"})
        assert refused.status_code == 403 and "budget of 0.02" in refused.json()["message"]
        (account,) = bob.get("/me").json()["budgets"]
        assert account["left"] <= 0 and account["spent"] >= 0.02
        # What costs nothing goes on.
        assert bob.run("true", machine="free")["status"] == "succeeded"
        assert User(bob.service, "spawner-token").put("/spawns/bob/x", json={"machine": "tiny"}).status_code == 403
    finally:
        root.delete("/limits/user:bob")
    assert bob.run("true")["status"] == "succeeded"


def test_full_storage_takes_no_job_and_no_file(root: User, bob: User) -> None:
    (before,) = bob.get("/me/storage").json()["items"]
    # What his jobs have left counts as well.
    limit = (before["used"] >> 20) + 2
    assert root.put("/limits/user:bob", json={"max_storage_mb": limit}).status_code == 200
    try:
        large = bob.put("/storage/large", content=b"x" * 3_000_000)
        assert large.status_code == 413 and large.json()["field"] == "path"
        assert bob.put("/storage/small", content=b"x" * 600_000).status_code == 200
        assert bob.put("/storage/other", content=b"x" * 300_000).status_code == 200
        assert bob.run("head -c 2000000 /dev/urandom > /storage/more", machine="free")["exit_code"] == 0

        def holding() -> dict[str, Any]:
            return dict(bob.get("/me/storage").json()["items"][0])

        eventually("the service has measured it", lambda: holding()["used"] > holding()["limit"] == limit << 20, 60)
        refused = bob.post("/jobs", json={"command": "true", "machine": "free"})
        assert refused.status_code == 403 and "MiB" in refused.json()["message"]
        # The way out is open.
        assert bob.delete("/storage/more").status_code == 204
        assert bob.run("true", machine="free")["status"] in ENDED
    finally:
        root.delete("/limits/user:bob")


def test_what_jobs_leave_counts_until_they_are_deleted(root: User, service: ServiceProcess) -> None:
    carol = service.user("carol")

    def kept() -> dict[str, int]:
        return {one["subject"]: one["jobs"] for one in carol.get("/me/storage").json()["items"]}

    write = "head -c 3000000 /dev/urandom > /artifacts/model.bin"
    own = carol.run(write, machine="free")
    team = carol.run(write, machine="free", group="team")
    root.put("/limits/user:carol", json={"max_storage_mb": 2})
    try:
        eventually(
            "both are counted, each against who pays",
            lambda: all((size or 0) >= 3_000_000 for size in kept().values()),
            90,
        )
        wanted = {"command": "true", "machine": "free"}
        refused = carol.post("/jobs", json=wanted)
        assert refused.status_code == 403 and "outrider jobs delete" in refused.json()["message"]
        carol.delete(f"/jobs/{own['id']}")
        # Deleting makes room at once.
        assert kept()["user:carol"] < 3_000_000
        assert carol.post("/jobs", json=wanted).status_code == 201
    finally:
        root.delete("/limits/user:carol")
        carol.delete(f"/jobs/{team['id']}")


@pytest.mark.parametrize("by", ["machine", "day", "user"])
def test_a_table_of_no_usage_has_its_header_alone(service: ServiceProcess, by: str) -> None:
    nobody = service.user("carol")
    answer = nobody.get("/usage", params={"format": "csv", "by": by, "since": "2001-01-01", "until": "2001-01-02"})
    assert answer.status_code == 200, answer.text
    assert len(answer.text.splitlines()) == 1
