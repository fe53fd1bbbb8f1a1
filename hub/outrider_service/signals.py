"""In-process wake-ups: each topic is a counter, and waiters resume when it changes.

Followers hold no queue: they read what is new from the store at their own pace, so one that never reads costs
nothing and cannot slow the others.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from typing import Final

MOST_TOPICS: Final = 20_000


class Signals:
    """Counters by topic. Waiting is by value, so a wake-up between two looks is never missed.

    Topics are never announced and never end, so only the last MOST_TOPICS that were sent are kept; the others all
    have the highest value of those that were dropped. Who waits for one of them looks once too often.
    """

    def __init__(self) -> None:
        self._sent: OrderedDict[str, int] = OrderedDict()
        self._number = 0
        self._dropped = 0
        self._waiters: dict[str, set[asyncio.Future[None]]] = defaultdict(set)

    def value(self, topic: str) -> int:
        return self._sent.get(topic, self._dropped)

    def send(self, topic: str) -> None:
        self._number += 1
        self._sent[topic] = self._number
        self._sent.move_to_end(topic)
        if len(self._sent) > MOST_TOPICS:
            _, self._dropped = self._sent.popitem(last=False)
        for waiter in self._waiters.pop(topic, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, topic: str, seen: int, timeout_s: float) -> int:
        """Return the topic's value once it differs from ``seen``, or ``seen`` itself after the timeout."""
        return (await self.wait_any((topic,), (seen,), timeout_s))[0]

    async def wait_any(self, topics: Sequence[str], seen: Sequence[int], timeout_s: float) -> list[int]:
        """Return the topics' values once any differs from what was seen, or the same ones after the timeout.

        One future for all of them: hundreds of followers wait like this.
        """
        values = [self.value(topic) for topic in topics]
        if any(value != known for value, known in zip(values, seen, strict=True)):
            return values
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for topic in topics:
            self._waiters[topic].add(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            pass
        finally:
            for topic in topics:
                self._leave(topic, waiter)
        return [self.value(topic) for topic in topics]

    def _leave(self, topic: str, waiter: asyncio.Future[None]) -> None:
        waiting = self._waiters.get(topic)
        if waiting is not None:
            waiting.discard(waiter)
            if not waiting:
                del self._waiters[topic]
