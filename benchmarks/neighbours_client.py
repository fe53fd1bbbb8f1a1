"""The noisy neighbour: ``python -m benchmarks.neighbours_client URL TOKEN JOB``, until it is killed.

150 WebSockets with four subscriptions each, and without a pause eight searches of a log of empty lines, eight lists of
a tree and eight zips of it, all at once. Says on stdout when it has begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import httpx
import orjson
import websockets

SOCKETS = 150
EACH = 8


async def follow(url: str, token: str, job_id: str) -> None:
    """One socket; opened again when it is refused or lost."""
    address = f"{url.replace('http', 'ws', 1)}/stream"
    while True:
        with contextlib.suppress(OSError, websockets.WebSocketException):
            async with websockets.connect(address, additional_headers={"Authorization": f"token {token}"}) as socket:
                for n, kind in enumerate(("job", "events", "logs", "metrics")):
                    await socket.send(orjson.dumps({"id": n, "subscribe": kind, "job": job_id}).decode())
                async for _ in socket:
                    pass
        await asyncio.sleep(1)


async def again(client: httpx.AsyncClient, path: str) -> None:
    while True:
        with contextlib.suppress(httpx.HTTPError):
            answer = await client.get(path)
            if answer.status_code == 429:
                await asyncio.sleep(0.1)


async def main(url: str, token: str, job_id: str) -> None:
    headers, limits = {"Authorization": f"token {token}"}, httpx.Limits(max_connections=None)
    paths = (f"/jobs/{job_id}/logs?q=nowhere", "/storage?recursive=true&limit=5000", "/storage/many")
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=60) as client:
        work = [follow(url, token, job_id) for _ in range(SOCKETS)]
        work += [again(client, path) for path in paths for _ in range(EACH)]
        tasks = [asyncio.create_task(one) for one in work]
        await asyncio.sleep(3)
        print("true", flush=True)
        await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
