"""What each kind of caller may do, as the service sees it."""

from typing import Any

import pytest

from outrider_hub import scopes

pytestmark = pytest.mark.timeout(300)


def caller(platform: Any, token: Any) -> Any:
    """Who the service takes the caller for."""
    answer = platform.service(token).get("/me")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def alice(platform: Any) -> Any:
    """An ordinary user; only an admin's hand can make one here."""
    with platform.hub(platform.token()) as hub:
        hub.post("/users/alice")
        return hub.post("/users/alice/tokens", json={}).json()["token"]


def test_the_admin_may_do_everything(platform: Any) -> None:
    admin = caller(platform, platform.token())
    assert admin["name"] == "admin" and admin["admin"] is True
    assert set(scopes.OWN) | set(scopes.ADMINISTRATION) <= set(admin["scopes"])


def test_a_user_has_outrider_on_what_is_their_own(platform: Any, alice: Any) -> None:
    model = caller(platform, alice)
    assert model["name"] == "alice" and model["admin"] is False and model["groups"] == []
    found = {scope for scope in model["scopes"] if scope.startswith("custom:")}
    assert found == {f"{scope}!user=alice" for scope in scopes.OWN}


def test_groups_are_told_to_the_service(platform: Any, alice: Any) -> None:
    with platform.hub(platform.token()) as hub:
        hub.post("/groups/vision")
        assert hub.post("/groups/vision/users", json={"users": ["alice"]}).status_code == 200
    assert caller(platform, alice)["groups"] == ["vision"]


def test_a_token_can_be_narrower_than_its_owner(platform: Any) -> None:
    wanted = ["custom:outrider:jobs:read!user", "access:services!service=outrider"]
    model = caller(platform, platform.token(scopes=wanted))
    assert model["name"] == "admin"
    found = {scope for scope in model["scopes"] if scope.startswith("custom:")}
    assert found == {"custom:outrider:jobs:read!user=admin"}


def test_the_spawners_token_can_only_claim_room(platform: Any) -> None:
    token = (platform.home / "secrets" / "spawner_token").read_text().strip()
    with platform.hub(token) as hub:
        own = {scope for scope in hub.get("/user").json()["scopes"] if "!service=outrider-spawner" not in scope}
        assert own == {scopes.SPAWN, scopes.ACCESS}
        assert hub.get("/users").status_code == 403
        assert hub.get("/users/admin").status_code == 403


def test_room_is_claimed_by_the_hub_alone(platform: Any, alice: Any) -> None:
    with platform.service(alice) as service:
        answer = service.put("/spawns/alice/-", json={"user_admin": True})
    assert answer.status_code in (403, 404)


def test_the_service_can_see_servers_and_report_activity(platform: Any) -> None:
    token = (platform.home / "secrets" / "service_token").read_text().strip()
    with platform.hub(token) as hub:
        model = hub.get("/users/admin").json()
        assert model["name"] == "admin" and "servers" in model and "groups" in model
        now = "2026-01-01T00:00:00Z"
        assert hub.post("/users/admin/activity", json={"last_activity": now}).status_code == 200
        assert hub.delete("/users/admin").status_code == 403
        assert hub.post("/users/admin/tokens", json={}).status_code == 403
