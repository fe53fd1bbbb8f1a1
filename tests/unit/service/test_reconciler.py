"""The reconciler beside platforms that are away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from outrider_service.backends.base import AttemptRef, PlatformAway
from outrider_service.db import Database
from outrider_service.db.engine import migrate
from outrider_service.jobs import reconciler as module
from outrider_service.jobs.reconciler import Reconciler
from outrider_service.signals import Signals

LEFT = AttemptRef("jleftover0001", 1)


class Platform:
    """Does not answer the first time, and holds something of a job that nobody knows."""

    def __init__(self) -> None:
        self.asked = 0
        self.removed = asyncio.Event()

    async def known(self) -> list[AttemptRef]:
        self.asked += 1
        if self.asked == 1:
            raise PlatformAway("it does not answer")
        return [] if self.removed.is_set() else [LEFT]

    async def events(self) -> AsyncIterator[AttemptRef]:
        await asyncio.Event().wait()
        yield LEFT

    async def stop(self, ref: AttemptRef, grace_s: float) -> None:
        pass

    async def remove(self, ref: AttemptRef) -> None:
        self.removed.set()

    async def observe(self, ref: AttemptRef) -> Any:
        return SimpleNamespace(phase=module.Phase.ABSENT)


async def test_a_platform_that_is_away_at_the_start_is_asked_again(tmp_path: Path) -> None:
    await asyncio.to_thread(migrate, url := f"sqlite:///{tmp_path}/db")
    db, platform, nothing = Database(url), Platform(), SimpleNamespace(stop=lambda: asyncio.sleep(0))
    unused: Any = nothing
    backends: Any = {"away": platform}
    reconciler = Reconciler(db, unused, unused, backends, {}, unused, Signals(), unused)
    await reconciler.start()
    try:
        await asyncio.wait_for(platform.removed.wait(), 30)
    finally:
        await reconciler.stop()
        await db.close()
