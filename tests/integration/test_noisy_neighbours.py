"""One user takes all that they can get. Nothing of another's fails, or waits for what the first one holds."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import httpx
import pytest
import websockets

from tests.integration.harness import ServiceProcess, User, eventually
from tests.integration.test_hostile_output import forge

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
        refused: set[tuple[int, str]] = set()
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


EMPTY_LINES = 2_000_000


def filled(user: User) -> str:
    """A job with a log of empty lines, which a search has to look at one by one as far as it can tell."""
    job_id = user.submit(f"yes '' | head -n {EMPTY_LINES}; echo the end")
    assert user.ended(job_id, timeout_s=180)["status"] == "succeeded"
    return job_id


def figures(root: User, name: str) -> dict[str, float]:
    text = root.get("/metrics/prometheus").text
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name)
    }


def idle(root: User) -> bool:
    """Whether no work of users is done or waits."""
    return not any(count for name, count in figures(root, "outrider_disk_work").items() if "measuring" not in name)


@pytest.fixture(scope="module")
def empty_log(alice: User) -> str:
    return filled(alice)


def test_a_search_goes_on_where_it_ended(alice: User, empty_log: str) -> None:
    after, found = 0, []
    while after is not None:
        page = alice.get(f"/jobs/{empty_log}/logs", params={"q": "THE END", "after": after}).json()
        found += [line["text"] for line in page["items"]]
        assert page["next"] is None or page["next"] > after
        after = page["next"]
    assert found == ["the end"]


async def test_what_clients_asked_for_who_have_left_is_done_no_more(
    service: ServiceProcess, alice: User, root: User, empty_log: str
) -> None:
    async with httpx.AsyncClient(base_url=service.base, headers={"Authorization": f"token {alice.token}"}) as client:
        path = f"/jobs/{empty_log}/logs?q=nowhere"
        asking = [asyncio.create_task(client.get(path)) for _ in range(30)]
        await asyncio.sleep(0.1)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    await asyncio.to_thread(eventually, "nothing is done any more", lambda: idle(root))


async def test_beyond_a_users_line_requests_are_refused(
    service: ServiceProcess, alice: User, bob: User, empty_log: str
) -> None:
    headers, limits = {"Authorization": f"token {alice.token}"}, httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=service.base, headers=headers, limits=limits, timeout=120) as client:
        path = f"/jobs/{empty_log}/logs?q=nowhere"
        answers = await asyncio.gather(*(client.get(path) for _ in range(200)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert refused[0].json()["message"].startswith("You have 64 requests waiting for the disk, which is the limit")
    assert refused[0].headers["Retry-After"] == "10"
    assert bob.get("/storage").status_code == 200


async def noise(service: ServiceProcess, alice: User, empty_log: str, stop: asyncio.Event) -> dict[str, int]:
    """All at once, until the end: sockets, searches, lists, zips, forged records. How often each was tried."""
    opened, _ = await sockets(service, alice, 150)
    tried = {"search": 0, "list": 0, "zip": 0, "stream": 0}
    headers, limits = {"Authorization": f"token {alice.token}"}, httpx.Limits(max_connections=None)
    paths = {
        "search": f"/jobs/{empty_log}/logs?q=nowhere",
        "list": "/storage?recursive=true&limit=5000",
        "zip": "/storage/many",
        "stream": f"/jobs/{empty_log}/events",
    }

    async def again(client: httpx.AsyncClient, kind: str) -> None:
        while not stop.is_set():
            with contextlib.suppress(httpx.HTTPError):
                answer = await client.get(paths[kind])
                assert answer.status_code in (200, 429), answer.text
                tried[kind] += 1

    try:
        for socket in opened:
            for n, kind in enumerate(["job", "events", "logs", "metrics"]):
                await socket.send(json.dumps({"id": n, "subscribe": kind, "job": empty_log}))
        async with httpx.AsyncClient(base_url=service.base, headers=headers, limits=limits, timeout=60) as client:
            await asyncio.gather(*(again(client, kind) for kind in paths for _ in range(8)))
    finally:
        await asyncio.gather(*(socket.close() for socket in opened), return_exceptions=True)
    return tried


async def test_one_user_does_all_of_it_and_nothing_of_anothers_fails(
    service: ServiceProcess, alice: User, bob: User, root: User, empty_log: str
) -> None:
    for n in range(20):
        alice.put(f"/storage/many/{n}", content=bytes(1 << 18))
    bob.put("/storage/beside", content=b"mine")
    forger = forge(alice, b'{"type":[]}')
    alice.until(forger, "running")
    stop = asyncio.Event()
    noisy = asyncio.create_task(noise(service, alice, empty_log, stop))
    most = 0.0
    try:
        await asyncio.to_thread(eventually, "the noise has begun", lambda: not idle(root))
        for _ in range(20):
            for path in ("/me", "/jobs", "/storage", "/storage/beside", "/me/storage", "/machines"):
                answer = await asyncio.to_thread(bob.get, path)
                assert answer.status_code == 200, (path, answer.text)
            running = figures(root, "outrider_disk_work")
            most = max(most, running['outrider_disk_work{pool="requests",state="running"}'])
        theirs = await asyncio.to_thread(bob.run, "echo done")
        assert theirs["status"] == "succeeded"
        assert bob.lines(theirs["id"]) == ["done"]
    finally:
        stop.set()
        tried = await noisy
    assert all(tried.values()), tried
    assert most <= 2, "alice's share of the threads; bob's requests are answered one by one"
    alice.post(f"/jobs/{forger}/stop")
    assert alice.ended(forger)["status"] == "cancelled"
    eventually("nothing is left of it", lambda: idle(root))
    assert figures(root, "outrider_followers")['outrider_followers{kind="connections"}'] == 0
