"""A client of the submit benchmark, a process of its own: ``URL TOKEN rate|workers NUMBER SECONDS``.

With ``rate`` it sends at that many a second whatever comes back, and counts a request's time from the moment when it
was due: a service that falls behind cannot hide it. With ``workers`` that many send the next as soon as one is done.
Prints one JSON line: seconds of each request, and the refusals.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import aiohttp
import orjson

BODY = orjson.dumps({"command": "python train.py", "name": "train", "project": "speed", "tags": ["bench"]})


class Load:
    """Sends submissions and keeps their times."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url
        self.times: list[float] = []
        self.refused: list[str] = []

    async def one(self, due: float) -> None:
        async with self.session.post(f"{self.url}/jobs", data=BODY) as answer:
            text = await answer.text()
        if answer.status == 201:
            self.times.append(time.perf_counter() - due)
        else:
            self.refused.append(f"{answer.status} {text[:200]}")

    async def at_rate(self, rate: float, seconds: float) -> None:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for n in range(int(rate * seconds)):
                due = began + n / rate
                await asyncio.sleep(due - time.perf_counter())
                group.create_task(self.one(due))

    async def with_workers(self, workers: int, seconds: float) -> None:
        until = time.perf_counter() + seconds

        async def work() -> None:
            while (now := time.perf_counter()) < until:
                await self.one(now)

        await asyncio.gather(*(work() for _ in range(workers)))


async def main(url: str, token: str, kind: str, number: float, seconds: float) -> dict[str, Any]:
    headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        load = Load(session, url)
        began = time.perf_counter()
        if kind == "rate":
            await load.at_rate(number, seconds)
        else:
            await load.with_workers(int(number), seconds)
        return {"times": load.times, "refused": load.refused, "seconds": time.perf_counter() - began}


if __name__ == "__main__":
    found = asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]), float(sys.argv[5])))
    print(orjson.dumps(found).decode(), flush=True)
