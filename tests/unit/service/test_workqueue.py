"""The work queue: each key once at a time, nothing lost that came meanwhile, backed off on its own."""

from __future__ import annotations

import asyncio

import pytest

from outrider_service.jobs.workqueue import LONGEST_DELAY_S, WorkQueue, backoff
from outrider_service.signals import Signals


async def until(look: object) -> None:
    async with asyncio.timeout(10):
        while not look():  # type: ignore[operator]
            await asyncio.sleep(0.005)


async def test_a_key_is_never_handled_twice_at_once_and_comes_again() -> None:
    active: set[str] = set()
    handled: list[str] = []

    async def handle(key: str) -> None:
        assert key not in active
        active.add(key)
        await asyncio.sleep(0.01)
        active.discard(key)
        handled.append(key)

    queue = WorkQueue(workers=4)
    queue.start(handle)
    for _ in range(10):
        queue.add("a")
        queue.add("b")
        await asyncio.sleep(0.003)
    await until(lambda: len(queue) == 0)
    assert 2 <= handled.count("a") <= 10
    assert handled.count("b") >= 2
    await queue.stop()


async def test_what_arrives_during_the_handling_is_handled_afterwards() -> None:
    runs = 0
    queue: WorkQueue

    async def handle(_key: str) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            queue.add("a")

    queue = WorkQueue()
    queue.start(handle)
    queue.add("a")
    await until(lambda: runs == 2)
    await queue.stop()


async def test_a_failure_comes_again_and_does_not_stop_others() -> None:
    seen: list[str] = []

    async def handle(key: str) -> None:
        seen.append(key)
        if key == "bad" and seen.count("bad") < 3:
            raise RuntimeError("not yet")

    queue = WorkQueue(workers=1)
    queue.start(handle)
    queue.add("bad")
    queue.add("good")
    await until(lambda: seen.count("bad") == 3)
    assert "good" in seen
    await queue.stop()


async def test_appointments_are_kept_and_the_earlier_one_stands() -> None:
    seen: list[str] = []

    async def handle(key: str) -> None:
        seen.append(key)

    queue = WorkQueue()
    queue.start(handle)
    queue.add_after("a", 0.05)
    queue.add_after("a", 100)
    queue.add_after("b", 0.01)
    await until(lambda: seen == ["b", "a"])
    await queue.stop()


def test_backoff_doubles_up_to_a_limit() -> None:
    assert [backoff(n) for n in (1, 2, 3)] == [0.1, 0.2, 0.4]
    assert backoff(50) == LONGEST_DELAY_S


async def test_signals_wake_and_are_never_missed() -> None:
    signals = Signals()
    seen = signals.value("t")
    signals.send("t")
    assert await signals.wait("t", seen, 0.01) != seen, "it came before the wait"
    waiter = asyncio.create_task(signals.wait("t", signals.value("t"), 5))
    await asyncio.sleep(0)
    signals.send("t")
    assert await waiter == 2
    assert await signals.wait("t", 2, 0.01) == 2, "nothing came"
    waiter = asyncio.create_task(signals.wait("t", 2, 5))
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert not signals._waiters
