"""The catalog as admins keep it and users meet it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.harness import ServiceProcess, User


@pytest.fixture
def machine(root: User) -> Any:
    """Makes a machine type that is gone after the test."""
    made = []

    def make(name: str, **fields: Any) -> dict[str, Any]:
        answer = root.post("/machines", json={"name": name, "cpu": 0.1, "memory_mb": 128, **fields})
        assert answer.status_code == 201, answer.text
        made.append(name)
        return dict(answer.json())

    yield make
    for name in made:
        root.delete(f"/machines/{name}")


def names(user: User, path: str) -> list[str]:
    return [item["name"] for item in user.get(path).json()["items"]]


def test_a_new_machine_type_is_offered_and_used_at_once(root: User, alice: User, machine: Any) -> None:
    machine("fresh", price_per_hour=2.5)
    assert "fresh" in names(alice, "/machines")
    assert alice.run("true", machine="fresh")["price_per_hour"] == 2.5


def test_a_machine_type_for_a_group_is_invisible_to_others(alice: User, bob: User, machine: Any) -> None:
    machine("theirs", groups=["team"])
    assert "theirs" in names(alice, "/machines")
    assert "theirs" not in names(bob, "/machines?all=true")
    answer = bob.post("/jobs", json={"command": "true", "machine": "theirs"})
    assert answer.status_code == 422 and answer.json()["field"] == "machine"
    assert "theirs" not in answer.json()["message"].split("there are")[1]


def test_what_an_image_has_is_found_or_what_the_catalog_says(root: User, alice: User, bob: User) -> None:
    found = alice.get("/images/python/contents").json()
    assert {"numpy", "outrider"} <= set(found["modules"])
    assert "python3" in found["kernels"]
    assert bob.get("/images/team-only/contents").status_code == 404
    # No interpreter can be asked here.
    told = {"modules": ["torch"], "kernels": ["python3", "ir"]}
    root.post("/images", json={"name": "far/away", "environment": "/nowhere"})
    try:
        assert alice.get("/images/far/away/contents").json() == {"modules": None, "kernels": None}
        root.http.patch("/images/far/away", json={"contents": told})
        assert alice.get("/images/far/away/contents").json() == told
        answer = root.http.patch("/images/far/away", json={"contents": {"modules": "torch"}})
        assert answer.status_code == 422 and answer.json()["field"].startswith("contents")
    finally:
        root.delete("/images/far/away")


def test_a_disabled_machine_type_is_for_admins_eyes_only(root: User, alice: User, machine: Any) -> None:
    machine("resting")
    assert root.http.patch("/machines/resting", json={"enabled": False}).status_code == 200
    assert "resting" not in names(alice, "/machines")
    assert "resting" not in names(root, "/machines")
    assert "resting" in names(root, "/machines?all=true")
    assert alice.post("/jobs", json={"command": "true", "machine": "resting"}).status_code == 422


def test_one_user_holds_no_more_of_a_type_than_it_allows(alice: User, bob: User, machine: Any) -> None:
    machine("single", max_per_user=1)
    first = alice.submit("sleep 60", machine="single")
    alice.until(first, "running")
    second = alice.submit("true", machine="single")
    # Others are not held back by it.
    bob.run("true", machine="single")
    assert alice.job(second)["status"] == "pending"
    alice.post(f"/jobs/{first}/stop")
    assert alice.ended(second)["status"] == "succeeded"


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"cpu": 0}, "cpu"), ({"memory_mb": "64"}, "memory_mb"), ({"cluster": "moon"}, "cluster"), ({"x": 1}, "x")],
)
def test_a_machine_type_that_cannot_be_is_refused_by_field(root: User, fields: dict[str, Any], field: str) -> None:
    answer = root.post("/machines", json={"name": "odd", "cpu": 1, "memory_mb": 64, **fields})
    assert answer.status_code == 422 and answer.json()["field"] == field
    assert root.http.patch("/machines/tiny", json=fields).json()["field"] == field


def test_a_machine_type_in_use_is_not_removed(root: User, alice: User, machine: Any) -> None:
    machine("busy")
    job = alice.submit("sleep 60", machine="busy")
    assert root.delete("/machines/busy").status_code == 409
    alice.post(f"/jobs/{job}/stop")
    alice.ended(job)


def test_images_come_and_go_with_the_admin(root: User, alice: User) -> None:
    added = root.post("/images", json={"name": "registry.example/team/torch:2", "title": "Torch", "icon": "🔥"})
    assert added.status_code == 201, added.text
    try:
        assert alice.run("true", image="registry.example/team/torch:2")["status"] == "succeeded"
        assert root.post("/images", json={"name": "registry.example/team/torch:2"}).status_code == 409
        hidden = root.http.patch("/images/registry.example/team/torch:2", json={"groups": ["nobody"]})
        assert hidden.json()["icon"] == "🔥"
        assert "registry.example/team/torch:2" not in names(alice, "/images")
    finally:
        assert root.delete("/images/registry.example/team/torch:2").status_code == 204
    assert "registry.example/team/torch:2" not in names(root, "/images?all=true")


def test_an_image_of_ones_own(alice: User, bob: User) -> None:
    assert alice.post("/own-images", json={"name": "alice/tools:1", "check": False}).status_code == 201
    mine = next(i for i in alice.get("/images").json()["items"] if i["name"] == "alice/tools:1")
    assert mine["owner"] == "alice"
    assert alice.run("true", image="alice/tools:1")["image"] == "alice/tools:1"
    assert bob.post("/jobs", json={"command": "true", "image": "alice/tools:1"}).status_code == 422
    assert alice.delete("/own-images/alice/tools:1").status_code == 204
    assert "alice/tools:1" not in names(alice, "/images")


def test_the_catalog_outlives_the_service(make_service: Callable[..., ServiceProcess]) -> None:
    service = make_service().start()
    root = service.user("root")
    assert root.http.patch("/machines/small", json={"price_per_hour": 9.0, "max_age_s": 3600}).status_code == 200
    assert root.delete("/machines/giant").status_code == 204
    service.kill()
    service.start()
    found = {item["name"]: item for item in root.get("/machines").json()["items"]}
    assert found["small"]["price_per_hour"] == 9.0
    assert "giant" not in found


def test_the_spawner_is_told_what_a_person_may_start_and_for_how_long(
    service: ServiceProcess, root: User, machine: Any
) -> None:
    machine("capped", groups=["team"], max_age_s=21600, idle_timeout_s=0)
    spawner = User(service, "spawner-token")
    offered = spawner.post("/spawns/alice/offer", json={"user_groups": ["team"]}).json()
    assert "capped" in [item["name"] for item in offered["machines"]]
    offered = spawner.post("/spawns/bob/offer", json={"user_groups": []}).json()
    assert "capped" not in [item["name"] for item in offered["machines"]]
    spec = spawner.put("/spawns/alice/lab", json={"machine": "capped", "user_groups": ["team"]}).json()
    try:
        assert (spec["max_age_s"], spec["idle_timeout_s"]) == (21600, 0)
        (held,) = (i for i in spawner.get("/spawns").json()["items"] if i["server"] == "lab")
        assert (held["user"], held["machine"], held["max_age_s"]) == ("alice", "capped", 21600)
    finally:
        spawner.delete("/spawns/alice/lab")


def test_the_spawner_is_told_what_its_owner_chose(
    service: ServiceProcess, alice: User, machine: Any, root: User
) -> None:
    machine("short", max_age_s=7200)
    spawner = User(service, "spawner-token")
    offered = spawner.post("/spawns/alice/offer", json={"user_groups": []}).json()
    assert "larger than the platform" in offered["refusals"]["giant"] and "short" not in offered["refusals"]
    assert offered["sandboxed"] == ["default"] and offered["idle_timeout_s"] > 0
    too_long = spawner.put("/spawns/alice/own", json={"machine": "short", "max_age_s": 7201})
    assert (too_long.status_code, too_long.json()["field"]) == (422, "max_age_s")
    for wanted in ("not an image", "127.0.0.1:9/x"):
        answer = spawner.put("/spawns/alice/own", json={"image": wanted, "add_image": True})
        assert (answer.status_code, answer.json()["field"]) == (422, "image"), answer.text
    secret = {"value": "hub-pass-123", "account": "me"}
    assert alice.http.put("/secrets/git/git.example", json=secret).status_code < 300
    choice = {"machine": "short", "max_age_s": 3600, "git_url": "https://git.example/team/course.git/", "git_ref": "v1"}
    spec = spawner.put("/spawns/alice/own", json=choice).json()
    try:
        assert spec["max_age_s"] == 3600
        assert spec["repository"] == {
            "url": choice["git_url"],
            "ref": "v1",
            "folder": "course",
            "login": ["me", "hub-pass-123"],
        }
        other = spawner.put("/spawns/bob/own", json=choice).json()
        assert other["repository"]["login"] is None, "alice's account is hers alone"
        (held,) = (i for i in spawner.get("/spawns").json()["items"] if i["user"] == "alice" and i["server"] == "own")
        assert (held["max_age_s"], held["own_age"]) == (3600, True)
    finally:
        spawner.delete("/spawns/alice/own")
        spawner.delete("/spawns/bob/own")
        alice.delete("/secrets/git/git.example")


def test_limits_are_set_by_admins_and_hold_at_once(root: User, alice: User) -> None:
    assert root.put("/limits/user:alice", json={"max_pending": 50, "max_gpus": 0}).status_code == 200
    try:
        assert alice.get("/me").json()["limits"]["max_gpus"] == 0
    finally:
        assert root.delete("/limits/user:alice").status_code == 204
    assert root.put("/limits/everyone", json={}).json()["field"] == "subject"
