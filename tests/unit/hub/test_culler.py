"""One round of the culler, between a Hub and a service that answer as they are told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from outrider_hub.culler import Culler

IDLE_S = 100
NOW = 10_000.0


def said(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def server(started: float, used: float, **more: Any) -> dict[str, Any]:
    return {"ready": True, "pending": None, "started": said(started), "last_activity": said(used), **more}


class Hub:
    """``users`` as /users lists them; ``later`` is what a second look finds, where that differs."""

    def __init__(self, *users: dict[str, Any], later: dict[str, Any] | None = None) -> None:
        self.users, self.later = users, later
        self.deleted: list[str] = []
        self.refuses: set[str] = set()

    async def call(self, method: str, path: str, *fine: int, **options: Any) -> Any:
        if path in self.refuses:
            raise aiohttp.ClientConnectionError("gone")
        if method == "DELETE":
            self.deleted.append(path)
            # Who has no server any more is in no list of those who have.
            self.users = tuple(user for user in self.users if path != f"/users/{user['name']}/server")
            return None
        if path == "/users":
            return self.users[options["params"]["offset"] :][: options["params"]["limit"]]
        return self.later or next(user for user in self.users if path == f"/users/{user['name']}")


class Service:
    def __init__(self, *held: dict[str, Any]) -> None:
        self.held = held
        self.told: list[tuple[str, str]] = []

    async def call(self, method: str, path: str, *fine: int, **options: Any) -> Any:
        if method == "GET":
            return {"items": self.held}
        self.told.append((path, options["json"]["reason"]))
        return None


def held(user: str, name: str = "", **rules: Any) -> dict[str, Any]:
    none = dict.fromkeys(("max_age_s", "idle_timeout_s", "gpu_idle_timeout_s", "gpu_used_at", "kept_at"))
    return none | {"user": user, "server": name, "machine": "m", "since": said(0), "gpus": []} | rules


def user(name: str, **servers: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "servers": {key.removeprefix("default"): value for key, value in servers.items()}}


async def cull(hub: Hub, service: Service | None = None) -> Service:
    service = service or Service()
    await Culler(hub, service, IDLE_S).round(NOW)  # type: ignore[arg-type]
    return service


async def test_the_unused_go_and_the_used_stay() -> None:
    hub = Hub(user("ann", default=server(0, NOW - 101)), user("bob", lab=server(0, NOW - 99)))
    service = await cull(hub)
    assert hub.deleted == ["/users/ann/server"]
    assert ("/spawns/ann/-/culled", "idle for 100 seconds") in service.told


async def test_each_by_the_rule_of_its_machine_type() -> None:
    hub = Hub(user("ann", long=server(0, NOW - 500), old=server(NOW - 700, NOW), free=server(0, 0)))
    service = Service(
        held("ann", "long", idle_timeout_s=600),
        held("ann", "old", max_age_s=600),
        held("ann", "free", idle_timeout_s=0),
    )
    await cull(hub, service)
    assert hub.deleted == ["/users/ann/servers/old"]


async def test_a_gpu_that_does_nothing_ends_a_notebook_in_use_and_keeping_it_counts() -> None:
    hub = Hub(user("ann", idle=server(0, NOW), busy=server(0, NOW), kept=server(0, NOW), blind=server(0, NOW)))
    service = Service(
        held("ann", "idle", gpu_idle_timeout_s=600, gpu_used_at=said(NOW - 700)),
        held("ann", "busy", gpu_idle_timeout_s=600, gpu_used_at=said(NOW - 10)),
        held("ann", "kept", gpu_idle_timeout_s=600, gpu_used_at=said(NOW - 700), kept_at=said(NOW - 10)),
        held("ann", "blind", gpu_idle_timeout_s=600),
    )
    await cull(hub, service)
    assert hub.deleted == ["/users/ann/servers/idle"]
    assert ("/spawns/ann/idle/culled", "its GPU was idle for 10 minutes") in service.told


@pytest.mark.parametrize(
    "later",
    [server(NOW - 1, NOW - 1), server(0, NOW), server(0, 0, pending="stop"), server(0, 0, ready=False)],
    ids=["started anew", "used meanwhile", "stops already", "gone"],
)
async def test_what_changed_since_the_look_stays(later: dict[str, Any]) -> None:
    hub = Hub(user("ann", default=server(0, 0)), later=user("ann", default=later))
    service = await cull(hub)
    assert hub.deleted == [] and service.told == []


async def test_one_that_cannot_be_stopped_does_not_keep_the_others() -> None:
    hub = Hub(user("ann", default=server(0, 0)), user("bob", default=server(0, 0)))
    hub.refuses.add("/users/ann/server")
    await cull(hub)
    assert hub.deleted == ["/users/bob/server"]


async def test_without_the_service_nobody_is_stopped() -> None:
    class Away(Service):
        async def call(self, method: str, path: str, *fine: int, **options: Any) -> Any:
            raise aiohttp.ClientConnectionError("away")

    hub = Hub(user("ann", default=server(0, 0)))
    with pytest.raises(aiohttp.ClientError):
        await cull(hub, Away())
    assert hub.deleted == []


async def test_the_owner_is_told_once_before_the_end() -> None:
    hub, service = Hub(user("ann", default=server(0, NOW - 90))), Service()
    culler = Culler(hub, service, IDLE_S)  # type: ignore[arg-type]
    await culler.round(NOW)
    await culler.round(NOW + 1)
    assert service.told == [("/spawns/ann/-/culling", "idle for 100 seconds")]


async def test_all_pages_are_read_though_stops_shorten_them() -> None:
    hub = Hub(*(user(f"u{number}", default=server(0, 0)) for number in range(450)))
    await cull(hub)
    assert len(hub.deleted) == 450
