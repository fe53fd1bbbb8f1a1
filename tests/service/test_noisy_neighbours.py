"""One user takes all that they can get. Nothing of another's fails, or waits for what the first one holds."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import websockets

from tests.service.harness import ServiceProcess, User

LIMIT = 64


def socket_of(service: ServiceProcess, user: User) -> Any:
    url = f"ws://127.0.0.1:{service.port}/services/outrider/api/v1/stream"
    return websockets.connect(url, additional_headers={"Authorization": f"token {user.token}"}, open_timeout=60)


async def sockets(service: ServiceProcess, user: User, count: int) -> tuple[list[Any], list[Any]]:
    """Those that opened, and the answers of those that did not."""
    tried = await asyncio.gather(*(socket_of(service, user) for _ in range(count)), return_exceptions=True)
    refused = [found.response for found in tried if isinstance(found, websockets.InvalidStatus)]
    opened = [found for found in tried if not isinstance(found, BaseException)]
    assert len(opened) + len(refused) == count, [found for found in tried if isinstance(found, BaseException)]
    return opened, refused


async def test_of_150_sockets_those_beyond_the_limit_are_refused(
    service: ServiceProcess, alice: User, bob: User
) -> None:
    job_id = alice.submit("while [ ! -e /artifacts/go ]; do echo x; sleep 0.2; done")
    alice.until(job_id, "running")
    opened, refused = await sockets(service, alice, 150)
    try:
        assert (len(opened), {answer.status_code for answer in refused}) == (LIMIT, {429})
        assert refused[0].headers["Retry-After"] == "10"
        said = json.loads(refused[0].body)["message"]
        assert said.startswith(f"You have {LIMIT} connections that follow jobs open, which is the limit for one user.")
        with alice.http.stream("GET", f"/jobs/{job_id}/logs", headers={"Accept": "text/event-stream"}) as stream:
            assert stream.status_code == 429, "event streams count as well"
        for socket in opened:
            for n, kind in enumerate(["job", "events", "logs", "metrics"]):
                await socket.send(json.dumps({"id": n, "subscribe": kind, "job": job_id}))
        for socket in opened:
            await asyncio.wait_for(socket.recv(), 60)
        # Each change of the job wakes 256 subscriptions.
        (service.home / "jobs" / job_id / "artifacts" / "go").touch()
        answers = await asyncio.gather(
            *(asyncio.to_thread(bob.get, path) for path in ("/me", "/jobs", "/storage", "/machines") * 5)
        )
        assert {answer.status_code for answer in answers} == {200}
        mine, _ = await sockets(service, bob, 1)
        assert len(mine) == 1
        opened += mine
    finally:
        await asyncio.gather(*(socket.close() for socket in opened))
    assert alice.ended(job_id)["status"] == "succeeded"

    async def free() -> bool:
        again, _ = await sockets(service, alice, 1)
        await asyncio.gather(*(socket.close() for socket in again))
        return len(again) == 1

    async with asyncio.timeout(60):
        while not await free():
            await asyncio.sleep(0.1)


async def test_a_users_subscriptions_have_a_limit(service: ServiceProcess, alice: User) -> None:
    opened, _ = await sockets(service, alice, 10)
    try:
        for socket in opened:
            for n in range(64):
                await socket.send(json.dumps({"id": n, "subscribe": "jobs"}))
        refused = set()
        async with asyncio.timeout(60):
            while not refused:
                for socket in opened:
                    with contextlib.suppress(TimeoutError):
                        said = json.loads(await asyncio.wait_for(socket.recv(), 0.05))
                        if said["event"] == "error":
                            refused.add((said["data"]["status"], said["data"]["message"].partition(",")[0]))
        assert refused == {(429, "You have 512 subscriptions open")}
    finally:
        await asyncio.gather(*(socket.close() for socket in opened))
