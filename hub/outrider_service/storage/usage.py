"""Measures and caches how much users and groups keep: their trees, files of jobs, uploads."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..catalog import Catalog
from ..db import Database
from ..db.shares import on_behalf_of
from ..user_threads import UserThreads
from .directories import Directories
from .disk import measure
from .kept import Kept, kept_by

FRESH_S: Final = 30.0
PATIENCE_S: Final = 5.0
PAUSE_FACTOR: Final = 20
"""A tree that takes long to measure is measured less often: at most a twentieth of the time."""
MIB: Final = 2**20
WORKERS: Final = 8


@dataclass(frozen=True, slots=True)
class Holding:
    """What one user or group keeps, in bytes. ``used`` None: not measured yet; ``limit`` None: unlimited. Part of what
    is used is what ``jobs`` left, and what was uploaded for them (``uploads``)."""

    subject: str
    used: int | None
    jobs: int | None
    uploads: int | None
    limit: int | None
    measured_at: float | None

    @property
    def full(self) -> bool:
        return self.used is not None and self.limit is not None and self.used >= self.limit


@dataclass(slots=True)
class _Measured:
    files: int
    kept: Kept
    at: float
    took_s: float
    stale: bool = False


class StorageUse:
    """Measures on demand, never the same tree twice at once, and answers from memory while that is fresh."""

    def __init__(self, db: Database, directories: Directories, catalog: Catalog) -> None:
        self._db = db
        self._directories = directories
        self._catalog = catalog
        self.threads = UserThreads(WORKERS, each=1)
        """Apart from those for requests: measuring takes as long as a tree is large."""
        self._known: dict[str, _Measured] = {}
        self._measuring: dict[str, asyncio.Task[None]] = {}

    def _root(self, subject: str) -> Path:
        kind, _, name = subject.partition(":")
        # With the homes of the notebooks, which lie on the same volume.
        return self._directories.team(name) if kind == "group" else self._directories.user(name)

    def limit(self, subject: str) -> int | None:
        kind, _, name = subject.partition(":")
        limits = self._catalog.group_limits(name) if kind == "group" else self._catalog.limits(name)
        return None if limits.max_storage_mb is None else limits.max_storage_mb * MIB

    async def holding(self, subject: str) -> Holding:
        """The current figures; waits only briefly for figures that are not known yet."""
        known = self._known.get(subject)
        if known is None or known.stale or time.time() - known.at > max(FRESH_S, PAUSE_FACTOR * known.took_s):
            task = self._measuring.get(subject)
            if task is None:
                task = self._measuring[subject] = asyncio.create_task(self._measure(subject))
                task.add_done_callback(lambda _: self._measuring.pop(subject, None))
            await asyncio.wait({task}, timeout=PATIENCE_S)
            known = self._known.get(subject)
        if known is None:
            return Holding(subject, None, None, None, self.limit(subject), None)
        kept = known.kept
        used = known.files + kept.jobs + kept.uploads
        return Holding(subject, used, kept.jobs, kept.uploads, self.limit(subject), known.at)

    async def _measure(self, subject: str) -> None:
        begun = time.monotonic()
        # For all who ask, whoever was the first.
        on_behalf_of(None)

        async def measured(root: Path) -> int:
            return await self.threads.run_on(subject, measure, root)

        files = await measured(self._root(subject))
        kept = await kept_by(self._db, self._directories, subject, measured)
        self._known[subject] = _Measured(files, kept, time.time(), time.monotonic() - begun)

    def grew(self, subject: str, size: int) -> None:
        """So many bytes were uploaded. Added up rather than measured again: who uploads a thousand files shall neither
        wait for a thousand looks at the tree nor, while one takes long, have no limit."""
        if (known := self._known.get(subject)) is not None:
            known.files += size

    def shrank(self, subject: str) -> None:
        """Something was deleted: the next look measures again, and goes by what was known where that takes long."""
        if (known := self._known.get(subject)) is not None:
            known.stale = True

    async def refusal(self, owner: str, group: str | None) -> str | None:
        """Why nothing more can be started or uploaded, or None. Measures nothing without a limit."""
        for subject in (f"user:{owner}", *([f"group:{group}"] if group else [])):
            if self.limit(subject) is None:
                continue
            found = await self.holding(subject)
            if found.full:
                return self.sentence(found)
        return None

    @staticmethod
    def sentence(found: Holding) -> str:
        """The sentence that tells that the limit is reached."""
        kind, _, name = found.subject.partition(":")
        who = f"The group {name}" if kind == "group" else "Your storage"
        return (
            f"{who} uses {(found.used or 0) / MIB:,.0f} MiB of the {(found.limit or 0) / MIB:,.0f} MiB that are "
            "allowed, with what jobs have left. Delete something first: outrider storage rm PATH, or jobs that are no "
            "longer needed: outrider jobs delete JOB."
        )
