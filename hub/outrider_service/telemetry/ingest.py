"""Takes a running attempt's output from its platform into the job's journal, one task an attempt and node.

A task ends when the platform says that there is no more. A full disk stops it for a while; the platform keeps what
has not been read. What a job prints never stops it: a piece that cannot be taken in is left out, counted, and told
on the job's timeline. ``Ingest.given_up`` says when the end of a job should wait for its log no longer.
"""

from __future__ import annotations

import asyncio
import logging
import time as clock
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, ParamSpec, TypeVar

from ..backends.base import AttemptRef, Backend, RawLog
from ..db import AWAY
from ..signals import Signals
from ..storage.directories import Directories
from ..user_threads import UserThreads
from .journal import Journal, Sample, remove
from .lines import Batch, parse
from .records import Exited, Record, System

log = logging.getLogger(__name__)

RETRY_S: Final = 2.0
SLOWEST_RETRY_S: Final = 30.0
PATIENCE_S: Final = 60.0
"""How long a log that cannot be stored holds up the end of its job."""
LONGEST_WAIT_S: Final = 900.0
"""The same for a log that is still being read: one that never ends must not keep a machine."""
OPEN_JOURNALS: Final = 2048
WORKERS: Final = 8
"""Threads that take logs in, apart from those for requests."""

RECORDS_REFUSED: Final = "records_refused"
LOG_INCOMPLETE: Final = "log_incomplete"

GPU_FIELDS: Final = {
    "utilisation": "gpu_utilisation",
    "memory_used": "gpu_memory",
    "power": "gpu_power",
    "temperature": "gpu_temperature",
}


def samples_of(record: System, time: float) -> list[Sample]:
    """A runner's system record as samples of charts below "system/". Measurements that failed are left out."""
    found = [("cpu", "", record.cpu), ("memory", "", record.memory)]
    for gpu in record.gpus or ():
        found += [(chart, f"gpu{gpu.index}", getattr(gpu, field)) for field, chart in GPU_FIELDS.items()]
    return [Sample(f"system/{chart}", series, value, time) for chart, series, value in found if value is not None]


def newest(records: list[tuple[float, Record]]) -> list[tuple[float, Record]]:
    """The last record of each kind that is kept: who reports progress without end shall not write without end."""
    kept = {type(record): (time, record) for time, record in records if not isinstance(record, System | Exited)}
    return list(kept.values())


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

    def remove(self, job_id: str) -> None:
        """Take the job's journal away, also one that cannot be opened."""
        entry = self._open.pop(job_id, None)
        if entry is not None:
            entry[0].remove()
        else:
            remove(self._directories.telemetry(job_id))

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


P = ParamSpec("P")
T = TypeVar("T")
RecordHandler = Callable[[AttemptRef, float, Record], Awaitable[None]]
"""Hears what the runner itself reported: progress, workspace."""
TroubleHandler = Callable[[AttemptRef, str, str], Awaitable[None]]
"""Hears what a person should know of a log: a kind of event, and a sentence."""
CompleteHandler = Callable[[AttemptRef], None]
"""Hears that the last line of an attempt's node is in the journal."""
Mask = Callable[[bytes], bytes]
MaskFinder = Callable[[str], Awaitable[Mask | None]]
"""From a job's id to what takes its secrets out of its output; None: it has none."""
Key = tuple[AttemptRef, int]
"""An attempt and one of its nodes."""


class Ingest:
    """The tasks that read logs."""

    def __init__(
        self,
        journals: Journals,
        signals: Signals,
        on_record: RecordHandler,
        on_complete: CompleteHandler,
        mask_of: MaskFinder,
        on_trouble: TroubleHandler,
        threads: UserThreads | None = None,
    ) -> None:
        self.journals = journals
        self.threads = threads or UserThreads(WORKERS, each=1)
        self._owners: dict[str, str] = {}
        """Whose share of the threads a job's log is taken in by."""
        self.signals = signals
        self.on_trouble = on_trouble
        self._on_record = on_record
        self._on_complete = on_complete
        self._mask_of = mask_of
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._failing: dict[Key, tuple[float, str]] = {}
        """Since when (monotonic) nothing could be taken in, and why."""
        self._awaited: dict[AttemptRef, float] = {}
        """Since when the end of an attempt waits for its log."""
        self._told: set[tuple[AttemptRef, str]] = set()
        self.lines_total = 0
        self.records_refused_total = 0
        self.bytes_lost_total = 0

    def follow(self, backend: Backend, ref: AttemptRef, nodes: int = 1, owner: str = "") -> bool:
        """Make sure every node of the attempt is read. True when all of their output is in the journal. Never raises:
        a journal that cannot be opened counts as a log that cannot be stored."""
        try:
            complete = self.journals.get(ref.job_id).checkpoint.complete
        except Exception as error:
            log.exception("the journal of %s cannot be opened", ref)
            self._fails((ref, 0), error)
            return False
        done = True
        self._owners[ref.job_id] = owner
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

    def given_up(self, ref: AttemptRef) -> str | None:
        """Ask while an attempt that is over waits for its log: why it should wait no longer, or None. Reading goes on
        in any case."""
        now = clock.monotonic()
        awaited = self._awaited.setdefault(ref, now)
        failing = [since for key, since in self._failing.items() if key[0] == ref]
        if failing and now - min(failing)[0] >= PATIENCE_S:
            return f"The end of the log cannot be stored yet: {min(failing)[1]}. The rest will be added later."
        if now - awaited >= LONGEST_WAIT_S:
            return "The job ended while its log was still being read. The rest will be added later."
        return None

    def _fails(self, key: Key, error: Exception) -> None:
        since, _ = self._failing.get(key, (clock.monotonic(), ""))
        # Only an error of the system says what a person can act on; what else broke is for the service's log.
        why = (error.strerror or "a disk error") if isinstance(error, OSError) else "an internal error"
        self._failing[key] = since, why

    def _ended(self, key: Key, _task: asyncio.Task[None]) -> None:
        self._tasks.pop(key, None)
        self._failing.pop(key, None)
        self.journals.unpin(key[0].job_id)
        if not any(ref.job_id == key[0].job_id for ref, _ in self._tasks):
            self._owners.pop(key[0].job_id, None)

    def _forget(self, job_id: str) -> None:
        self._owners.pop(job_id, None)
        self._failing = {key: value for key, value in self._failing.items() if key[0].job_id != job_id}
        self._awaited = {ref: since for ref, since in self._awaited.items() if ref.job_id != job_id}
        self._told = {told for told in self._told if told[0].job_id != job_id}

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
        await self._in_thread(job_id, self.journals.remove, job_id)
        self._forget(job_id)
        self.signals.send(f"log/{job_id}")

    async def _read(self, backend: Backend, ref: AttemptRef, node: int) -> None:
        failures = 0
        while True:
            before = self._failing.get((ref, node))
            try:
                await self._read_on(backend, ref, node)
                return
            except OSError as error:
                log.warning("log of %s: %s; retrying", ref, error)
                self._fails((ref, node), error)
            except Exception as error:
                log.exception("log of %s: reading failed; retrying", ref)
                self._fails((ref, node), error)
            # Whoever came further in between begins to count anew.
            failures = failures + 1 if before is not None and self._failing[ref, node][0] == before[0] else 1
            await asyncio.sleep(min(RETRY_S * failures, SLOWEST_RETRY_S))

    async def _read_on(self, backend: Backend, ref: AttemptRef, node: int) -> None:
        """From the cursor to the end of the output."""
        journal = self.journals.get(ref.job_id)
        if journal.damage is not None:
            text = f"Part of the log is lost: its index is damaged ({journal.damage})."
            await self._tell(ref, LOG_INCOMPLETE, text)
        mask = await self._mask_of(ref.job_id)
        async for piece in backend.follow_logs(ref, node, journal.cursor(ref.number, node)):
            await self._take(ref, node, piece, mask)
            self._failing.pop((ref, node), None)
        async with self.journals.lock(ref.job_id):
            journal = self.journals.get(ref.job_id)
            await self._in_thread(ref.job_id, journal.mark_complete, ref.number, node)
        if not any(key[0] == ref and key[1] != node for key in self._tasks):
            self._awaited.pop(ref, None)
            self._told = {told for told in self._told if told[0] != ref}
        self.signals.send(f"log/{ref.job_id}")
        self._on_complete(ref)

    async def _take(self, ref: AttemptRef, node: int, piece: RawLog, mask: Mask | None) -> None:
        """Take in one piece, or leave it out if it is what cannot be taken in. Raises what may pass: a full disk, a
        database that is away."""
        try:
            data = mask(piece.data) if mask else piece.data
            batch = await self._in_thread(ref.job_id, parse, data) if len(data) > 16384 else parse(data)
            samples = [s for time, r in batch.records if isinstance(r, System) for s in samples_of(r, time)]
            # Before the cursor moves: a record is then heard at least once, and hearing it twice changes nothing.
            await self._hear(ref, batch)
            async with self.journals.lock(ref.job_id):
                await self._append(ref, node, batch, piece.cursor, samples)
        except AWAY:
            raise
        except Exception:
            log.exception("%d bytes of the log of %s could not be stored; skipped", len(piece.data), ref)
            batch = Batch()
            await self._leave_out(ref, node, piece)
        self.lines_total += len(batch.texts)
        self.signals.send(f"log/{ref.job_id}")

    async def _leave_out(self, ref: AttemptRef, node: int, piece: RawLog) -> None:
        await self._tell(ref, LOG_INCOMPLETE, "Part of the output could not be read and is missing from the log.")
        async with self.journals.lock(ref.job_id):
            await self._append(ref, node, Batch(), piece.cursor, [])
        self.bytes_lost_total += len(piece.data)

    async def _hear(self, ref: AttemptRef, batch: Batch) -> None:
        """Act on what the runner reported. A record that cannot be acted on is left out like one without a form."""
        refused = batch.refused
        for time, record in newest(batch.records):
            try:
                await self._on_record(ref, time, record)
            except AWAY:
                raise
            except Exception:
                log.exception("a record of %s could not be processed; skipped", ref)
                refused += 1
        if refused:
            text = "The output contains invalid lines in the format of the runner's own records; they were skipped."
            await self._tell(ref, RECORDS_REFUSED, text)
            self.records_refused_total += refused
        if batch.untimed:
            await self._tell(ref, LOG_INCOMPLETE, "Output lines without a time are missing from the log.")

    async def _tell(self, ref: AttemptRef, kind: str, message: str) -> None:
        """Once for each attempt and kind. Raises only that the database is away: nothing is lost without a word."""
        if (ref, kind) in self._told:
            return
        try:
            await self.on_trouble(ref, kind, message)
        except AWAY:
            raise
        except Exception:
            log.exception("%s of %s could not be recorded", kind, ref)
        self._told.add((ref, kind))

    async def _in_thread(self, job_id: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.threads.run_on(self._owners.get(job_id, ""), function, *args, **kwargs)

    async def _append(self, ref: AttemptRef, node: int, batch: Batch, cursor: str, samples: list[Sample]) -> None:
        journal = self.journals.get(ref.job_id)
        if len(batch.texts) > 256:
            await self._in_thread(ref.job_id, journal.append, batch, ref.number, node, cursor, samples)
        else:
            journal.append(batch, ref.number, node, cursor, samples)
