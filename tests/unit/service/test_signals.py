"""Waiting for one of several topics."""

from __future__ import annotations

import asyncio

from outrider_service.signals import Signals


async def test_any_of_the_topics_wakes_and_what_came_before_is_not_missed() -> None:
    signals = Signals()
    waiting = asyncio.create_task(signals.wait_any(("a", "b"), (0, 0), 30))
    await asyncio.sleep(0)
    signals.send("b")
    assert await waiting == [0, 1]
    assert await signals.wait_any(("a", "b"), (0, 0), 30) == [0, 1]


async def test_after_the_timeout_nothing_has_changed_and_nobody_is_left_waiting() -> None:
    signals = Signals()
    assert await signals.wait_any(("a", "b"), (0, 0), 0.01) == [0, 0]
    assert not signals._waiters
