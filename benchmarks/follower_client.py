"""Many followers of one stream, a process of its own: ``URL TOKEN COUNT SECONDS``.

Each holds a connection and reads Server-Sent Events as a program would; a line's text is the time at which it was
printed. Prints a JSON line when all are connected, and one at the end: the seconds from print to follower of every
line that was printed after that.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import aiohttp
import orjson


class Followers:
    """The connections and what they saw."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.headers = {"Authorization": f"token {token}", "Accept": "text/event-stream"}
        self.connected = 0
        self.since = float("inf")
        self.times: list[float] = []

    async def follow(self, session: aiohttp.ClientSession) -> None:
        async with session.get(self.url, headers=self.headers) as answer:
            answer.raise_for_status()
            self.connected += 1
            async for line in answer.content:
                if line.startswith(b"data: ["):
                    now = time.time()
                    self.take(now, orjson.loads(line[6:]))

    def take(self, now: float, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            try:
                printed = float(line["text"])
            except ValueError:
                continue
            if printed >= self.since:
                self.times.append(now - printed)


async def main(url: str, token: str, count: int, seconds: float) -> None:
    followers = Followers(url, token)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        tasks = [asyncio.create_task(followers.follow(session)) for _ in range(count)]
        while followers.connected < count:
            if any(task.done() for task in tasks):
                await asyncio.gather(*tasks)
            await asyncio.sleep(0.1)
        print(orjson.dumps({"connected": count}).decode(), flush=True)
        # What came while they connected is not counted.
        await asyncio.sleep(1)
        followers.since = time.time()
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    print(orjson.dumps({"times": followers.times}).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
