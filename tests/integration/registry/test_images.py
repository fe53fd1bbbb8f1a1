"""Images of a real registry in the catalog: checked, refused with the reason, pinned, seen to move."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.integration.harness import HubProcess, ServiceProcess, User
from tests.integration.registry.server import PASSWORD, USER, Registry


@pytest.fixture(scope="module")
def service(
    hub: HubProcess, registry: Registry, private: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """A service whose operator allows both registries."""
    allowed = f"{registry.allowed} {private.allowed}"
    process = ServiceProcess(hub, tmp_path_factory.mktemp("images"), OUTRIDER_REGISTRIES=allowed)
    try:
        yield process.start()
    finally:
        process.clean()


@pytest.fixture(scope="module")
def alice(service: ServiceProcess) -> User:
    return service.user("alice")


@pytest.fixture(scope="module")
def root(service: ServiceProcess) -> User:
    return service.user("root")


def test_an_admin_adds_an_image_and_sees_its_tag_move(registry: Registry, root: User, alice: User) -> None:
    path = f"team/tool-{uuid4()}"
    first, size = registry.image(path, "latest", ExposedPorts={"8888/tcp": {}})
    name = f"{registry.name}/{path}"
    added = root.post("/images", json={"name": name, "check": True})
    assert added.status_code == 201, added.text
    assert added.json()["digest"] == first
    assert (added.json()["facts"]["size"], added.json()["facts"]["ports"]) == (size, ["8888/tcp"])
    # What runs is what was pinned.
    assert alice.run("true", image=name)["image_digest"] == first
    second, _ = registry.image(path, "latest", ExposedPorts={"9999/tcp": {}})
    moved = root.post(f"/images/{name}/check").json()
    assert (moved["digest"], moved["facts"]["digest"]) == (first, second)
    assert moved["facts"]["moved_at"] is not None
    again = root.post(f"/images/{name}/check").json()
    assert again["facts"]["moved_at"] == moved["facts"]["moved_at"]
    pinned = root.post(f"/images/{name}/pin").json()
    assert (pinned["digest"], pinned["facts"]["moved_at"]) == (second, None)
    # The registry lets the image go: what was known of it is not forgotten.
    registry.http.delete(f"{path}/manifests/{second}")
    gone = root.post(f"/images/{name}/check").json()["facts"]
    assert (gone["status"], gone["ports"]) == ("not_found", ["9999/tcp"])


def test_a_user_adds_a_private_image_with_an_account_of_their_own(private: Registry, alice: User) -> None:
    path = f"team/secret-{uuid4()}"
    private.image(path, "1")
    name = f"{private.name}/{path}:1"
    alice.delete(f"/secrets/registry/{private.name}")
    refused = alice.post("/own-images", json={"name": name})
    assert refused.status_code == 422 and refused.json()["field"] == "name" and "requires a login" in refused.text
    assert alice.post("/images/check", json={"image": name}).json()["status"] == "not_allowed"
    answer = alice.put(f"/secrets/registry/{private.name}", json={"account": USER, "value": PASSWORD})
    assert answer.status_code == 200, answer.text
    added = alice.post("/own-images", json={"name": name})
    assert added.status_code == 201 and added.json()["owner"] == "alice", added.text
    assert PASSWORD not in added.text
    assert alice.post(f"/own-images/{name}/pin").json()["digest"] == added.json()["digest"]


@pytest.mark.parametrize(
    ("image", "says"), [("team/none:1", "There is no"), ("UPPER/x", "lower case"), ("team/arm:1", "arm64")]
)
def test_what_cannot_run_is_refused_with_the_reason(registry: Registry, alice: User, image: str, says: str) -> None:
    registry.image("team/arm", "1", "arm64")
    answer = alice.post("/own-images", json={"name": f"{registry.name}/{image}"})
    assert answer.status_code == 422 and says in answer.json()["message"], answer.text


@pytest.mark.parametrize("image", ["127.0.0.1:1/x", "169.254.169.254/latest/meta-data", "[::1]:8081/hub", "127.1:80/x"])
def test_a_user_reaches_nothing_inside(alice: User, image: str) -> None:
    answer = alice.post("/images/check", json={"image": image})
    said = answer.json()
    assert answer.status_code == 422 or said["status"] == "refused", said
