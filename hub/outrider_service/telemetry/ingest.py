"""Takes a running attempt's output from its platform into the job's journal, one task an attempt and node.

A task ends when the platform says that there is no more. A full disk stops it for a while; the platform keeps what
has not been read.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from ..backends.base import AttemptRef, Backend
from ..signals import Signals
from ..storage.directories import Directories
from .journal import Journal, Sample
from .lines import Batch, parse

log = logging.getLogger(__name__)

RETRY_S: Final = 2.0
OPEN_JOURNALS: Final = 2048
KEPT_RECORDS: Final = frozenset({"workspace", "workspace_failed", "started", "progress"})

GPU_FIELDS: Final = {
    "utilisation": "gpu_utilisation",
    "memory_used": "gpu_memory",
    "power": "gpu_power",
    "temperature": "gpu_temperature",
}


def samples_of(record: dict[str, Any], time: float) -> list[Sample]:
    """A runner's system record as samples of charts below "system/". Fields that failed are left out."""
    samples = []
    for key in ("cpu", "memory"):
        value = record.get(key)
        if isinstance(value, int | float):
            samples.append(Sample(f"system/{key}", "", float(value), time))
    gpus = record.get("gpus")
    for gpu in gpus if isinstance(gpus, list) else ():
        if not isinstance(gpu, dict):
            continue
        index = gpu.get("index")
        name = f"gpu{index if isinstance(index, int) else 0}"
        for key, chart in GPU_FIELDS.items():
            value = gpu.get(key)
            if isinstance(value, int | float):
                samples.append(Sample(f"system/{chart}", name, float(value), time))
    return samples


def newest(records: list[tuple[float, dict[str, Any]]]) -> list[tuple[float, dict[str, Any]]]:
    """The last record of each kind that is kept: who reports progress without end shall not write without end."""
    return list({r["type"]: (time, r) for time, r in records if r.get("type") in KEPT_RECORDS}.values())


class Journals:
    """Open journals by job id, with the lock that makes one writer of each."""

    def __init__(self, directories: Directories) -> None:
        self._directories = directories
        self._open: OrderedDict[str, tuple[Journal, asyncio.Lock]] = OrderedDict()
        self._pinned: Counter[str] = Counter()

    def get(self, job_id: str) -> Journal:
        return self._entry(job_id)[0]

    def lock(self, job_id: str) -> asyncio.Lock:
        return self._entry(job_id)[1]

    def pin(self, job_id: str) -> None:
        """Keep the journal open, once for each who writes to it: all must write to the same."""
        self._pinned[job_id] += 1

    def unpin(self, job_id: str) -> None:
        self._pinned[job_id] -= 1
        if self._pinned[job_id] <= 0:
            del self._pinned[job_id]

    def forget(self, job_id: str) -> None:
        self._open.pop(job_id, None)

    def _entry(self, job_id: str) -> tuple[Journal, asyncio.Lock]:
        entry = self._open.get(job_id)
        if entry is None:
            entry = Journal(self._directories.telemetry(job_id)), asyncio.Lock()
            self._open[job_id] = entry
            if len(self._open) > OPEN_JOURNALS:
                idle = next((key for key in self._open if key not in self._pinned and key != job_id), None)
                if idle is not None:
                    del self._open[idle]
        else:
            self._open.move_to_end(job_id)
        return entry


RecordHandler = Callable[[AttemptRef, float, dict[str, Any]], Awaitable[None]]
"""Hears what the runner itself reported: progress, workspace."""
CompleteHandler = Callable[[AttemptRef], None]
"""Hears that the last line of an attempt's node is in the journal."""
MaskFinder = Callable[[str], Awaitable[Callable[[bytes], bytes] | None]]
"""From a job's id to what takes its secrets out of its output; None: it has none."""


class Ingest:
    """The tasks that read logs."""

    def __init__(
        self,
        journals: Journals,
        signals: Signals,
        on_record: RecordHandler,
        on_complete: CompleteHandler,
        mask_of: MaskFinder,
    ) -> None:
        self.journals = journals
        self.signals = signals
        self._on_record = on_record
        self._on_complete = on_complete
        self._mask_of = mask_of
        self._tasks: dict[tuple[AttemptRef, int], asyncio.Task[None]] = {}
        self.lines_total = 0

    def follow(self, backend: Backend, ref: AttemptRef, nodes: int = 1) -> bool:
        """Make sure every node of the attempt is read. True when all of their output is in the journal."""
        complete = self.journals.get(ref.job_id).checkpoint.complete
        done = True
        for node in range(nodes):
            if f"{ref.number}/{node}" in complete:
                continue
            done = False
            if (ref, node) not in self._tasks:
                self.journals.pin(ref.job_id)
                task = asyncio.create_task(self._read(backend, ref, node), name=f"log-{ref.job_id}-{node}")
                self._tasks[ref, node] = task
                task.add_done_callback(partial(self._ended, (ref, node)))
        return done

    def _ended(self, key: tuple[AttemptRef, int], _task: asyncio.Task[None]) -> None:
        self._tasks.pop(key, None)
        self.journals.unpin(key[0].job_id)

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def forget(self, job_id: str) -> None:
        """Stop reading a job that is being deleted, and remove its journal."""
        tasks = [task for (ref, _), task in self._tasks.items() if ref.job_id == job_id]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self.journals.get(job_id).remove)
        self.journals.forget(job_id)
        self.signals.send(f"log/{job_id}")

    async def _read(self, backend: Backend, ref: AttemptRef, node: int) -> None:
        while True:
            try:
                mask = await self._mask_of(ref.job_id)
                cursor = self.journals.get(ref.job_id).cursor(ref.number, node)
                async for piece in backend.follow_logs(ref, node, cursor):
                    await self._take(ref, node, mask(piece.data) if mask else piece.data, piece.cursor)
                async with self.journals.lock(ref.job_id):
                    journal = self.journals.get(ref.job_id)
                    await asyncio.to_thread(journal.mark_complete, ref.number, node)
                self.signals.send(f"log/{ref.job_id}")
                self._on_complete(ref)
                return
            except OSError as error:
                log.warning("log of %s: %s; again in %.0f s", ref, error, RETRY_S)
            except Exception:
                log.exception("log of %s broke; again in %.0f s", ref, RETRY_S)
            await asyncio.sleep(RETRY_S)

    async def _take(self, ref: AttemptRef, node: int, data: bytes, cursor: str) -> None:
        batch = await asyncio.to_thread(parse, data) if len(data) > 16384 else parse(data)
        samples = [s for time, r in batch.records if r.get("type") == "system" for s in samples_of(r, time)]
        # Before the cursor moves: a record is then heard at least once, and hearing it twice changes nothing.
        for time, record in newest(batch.records):
            await self._on_record(ref, time, record)
        async with self.journals.lock(ref.job_id):
            await self._append(ref, node, batch, cursor, samples)
        self.lines_total += len(batch.texts)
        self.signals.send(f"log/{ref.job_id}")

    async def _append(self, ref: AttemptRef, node: int, batch: Batch, cursor: str, samples: list[Sample]) -> None:
        journal = self.journals.get(ref.job_id)
        if len(batch.texts) > 256:
            await asyncio.to_thread(journal.append, batch, ref.number, node, cursor, samples)
        else:
            journal.append(batch, ref.number, node, cursor, samples)
