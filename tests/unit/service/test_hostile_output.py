"""Whatever a job prints, and whatever a disk gives back: nothing raises, the rest is kept, and what is lost is said."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

import outrider_sandbox as sandbox
from outrider_service.api.metrics import summary
from outrider_service.backends.base import AttemptRef, Observation, Phase, RawLog
from outrider_service.db import Database
from outrider_service.db.engine import migrate
from outrider_service.jobs import store
from outrider_service.jobs.reconcile_queue import ReconcileQueue
from outrider_service.jobs.reconciler import Reconciler
from outrider_service.jobs.reports import Reports
from outrider_service.jobs.transitions import Transitions
from outrider_service.schema.jobs import Status
from outrider_service.signals import Signals
from outrider_service.storage.directories import Directories
from outrider_service.telemetry import ingest as ingest_module
from outrider_service.telemetry.ingest import LOG_INCOMPLETE, RECORDS_REFUSED, Ingest, Journals
from outrider_service.telemetry.journal import Journal, read_checkpoint
from outrider_service.telemetry.lines import parse
from outrider_service.telemetry.records import read_record
from outrider_service.telemetry.render import as_json
from tests.unit.service.test_database import job

T = b"1732170000.123456 "
REF = AttemptRef("j000000000001", 1)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["\x00", "\ud800", 10**400, 1e308])
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
kinds = st.sampled_from(["workspace", "workspace_failed", "started", "progress", "system", "exited"])
fields = st.sampled_from(["done", "total", "text", "commit", "message", "cpu", "memory", "gpus", "index", "power"])


def forged(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """A record as any program may print it; Python writes NaN, numbers beyond 64 bits and half surrogates too."""
    return strategy.map(lambda found: b"\x1e" + json.dumps(found).encode())


records = forged(st.builds(lambda kind, rest: rest | {"type": kind}, kinds | values, st.dictionaries(fields, values)))
metrics = st.dictionaries(st.sampled_from(["chart", "y", "x", "series", "axis"]), values).map(
    lambda found: json.dumps({"chart": "c"} | found).encode()
)
deep = st.sampled_from([b"[", b'{"a":']).map(lambda part: b"\x1e" + part * 100_000)
stamps = st.sampled_from(
    [T, b"nan               ", b"inf               ", b"-1                ", b"1e300             "]
)
lines = st.builds(lambda stamp, text: stamp + text, stamps, records | metrics | deep | st.binary(max_size=80))
outputs = st.lists(lines, max_size=8).map(lambda found: b"".join(line.replace(b"\n", b"") + b"\n" for line in found))

quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize(
    "text",
    [
        b'{"type":[]}',
        b'{"type":{}}',
        b'{"type":null}',
        b"[]",
        b"5",
        b'{"type":"progress","done":true}',
        b'{"type":"progress","done":-1}',
        b'{"type":"progress","done":1e30}',
        b'{"type":"progress","done":99999999999999999999999999}',
        b'{"type":"progress","done":1,"text":"\\ud800"}',
        b'{"type":"system","cpu":NaN}',
        b'{"type":"system","cpu":1e999}',
        b'{"type":"system","gpus":[{"index":99999999}]}',
        b'{"type":"system","gpus":[' + b",".join([b'{"index":1}'] * 1000) + b"]}",
        b'{"type":"workspace","commit":"--upload-pack=evil"}',
        b'{"type":"started","x":"' + b"x" * 100_000 + b'"}',
        b"[" * 100_000,
    ],
)
def test_a_record_without_a_known_form_is_none(text: bytes) -> None:
    assert read_record(text) is None
    batch = parse(T + b"\x1e" + text + b"\n" + T + b"after\n")
    assert (batch.records, batch.refused, batch.texts) == ([], 1, [b"after"])


@pytest.mark.parametrize("stamp", [b"nan", b"inf", b"-inf", b"1e300", b"-5", b"99999999999999999", b"hello"])
def test_a_line_whose_time_is_none_is_left_out_and_counted(stamp: bytes) -> None:
    batch = parse(stamp.ljust(17) + b" text\n" + T + b"after\n")
    assert (batch.texts, batch.untimed) == ([b"after"], 1)


@quick
@given(st.lists(outputs, min_size=1, max_size=3))
def test_any_output_can_be_kept_and_shown(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal"))
    for n, piece in enumerate(pieces):
        batch = parse(piece)
        assert all(0 <= time < math.inf for time in batch.times)
        samples = [s for time, r in batch.records if r.type == "system" for s in ingest_module.samples_of(r, time)]
        journal.append(batch, 1, 0, str(n), samples)
    shown = orjson.loads(as_json(journal.read(0, 1000)))
    assert len(shown) == journal.checkpoint.lines
    for chart in summary(journal.checkpoint):
        chart.model_dump_json()
    again = Journal(journal.directory)
    assert (again.damage, again.checkpoint) == (None, journal.checkpoint)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A database with the job of REF, in a loop of its own."""
    url = f"sqlite:///{tmp_path_factory.mktemp('db')}/db"
    migrate(url)
    with asyncio.Runner() as runner:
        db = Database(url)
        runner.run(insert(db))
        yield SimpleNamespace(db=db, run=runner.run)
        runner.run(db.close())


async def insert(db: Database, **changes: Any) -> None:
    values: dict[str, Any] = {"id": REF.job_id, "status": Status.RUNNING, "attempt": 1} | changes
    async with db.write() as conn:
        await store.insert_job(conn, replace(job(0), **values), [])
        await store.insert_attempt(conn, REF.job_id, 1, 0.0)


@quick
@given(records)
def test_any_record_can_be_acted_on(database: Any, line: bytes) -> None:
    record = read_record(line[1:])
    if record is not None:
        database.run(Reports(database.db, lambda _: None)(REF, 1.0, record))


# -- what the service itself left on the disk -------------------------------------------------------------------------


def kept(directory: Path) -> dict[str, Any]:
    journal = Journal(directory)
    journal.append(parse(T + b"one\n" + T + b'{"chart":"c","y":1}\n' + T + b'{"chart":"d","y":2}\n'), 1, 0, "7")
    found: dict[str, Any] = orjson.loads((directory / "checkpoint.json").read_bytes())
    return found


checkpoints = st.dictionaries(
    st.sampled_from(["text_bytes", "lines", "cursors", "started", "complete", "axes", "series", "other"]), values
)


@quick
@given(
    checkpoints.map(lambda found: json.dumps(found).encode())
    | st.binary()
    | values.map(lambda v: json.dumps(v).encode())
)
def test_any_checkpoint_can_be_opened_and_written_to(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    directory = tmp_path_factory.mktemp("journal")
    kept(directory)
    (directory / "checkpoint.json").write_bytes(data)
    journal = Journal(directory)
    journal.append(parse(T + b"more\n" + T + b'{"chart":"e","y":1}\n'), 2, 0, "9", [])
    assert [line[4] for line in journal.read(0, 100)][-2:] == [b"more", b'{"chart":"e","y":1}']
    summary(journal.checkpoint)
    journal.mark_complete(2, 0)


def test_one_series_that_cannot_be_read_costs_no_other(tmp_path: Path) -> None:
    found = kept(tmp_path)
    found["series"][0]["file"] = "../../../etc/passwd"
    (tmp_path / "checkpoint.json").write_bytes(orjson.dumps(found))
    journal = Journal(tmp_path)
    assert journal.damage == "1 of 2 series cannot be read"
    assert ([s.chart for s in journal.checkpoint.series], journal.checkpoint.lines) == (["d"], 3)
    journal.append(parse(T + b'{"chart":"e","y":1}\n'), 1, 0, "8")
    assert [s.file for s in journal.checkpoint.series] == ["1.rows", "2.rows"], "no file is given twice"


def test_a_checkpoint_beyond_all_measure_is_not_read(tmp_path: Path) -> None:
    kept(tmp_path)
    with (tmp_path / "checkpoint.json").open("r+b") as file:
        file.truncate(1 << 40)
    assert Journal(tmp_path).damage == "too large"
    with pytest.raises(ValueError, match="not a checkpoint"):
        read_checkpoint(b"[]")


@quick
@given(
    values.map(lambda v: json.dumps(v).encode())
    | st.dictionaries(
        st.sampled_from(
            ["phase", "exit_code", "signal", "reason", "message", "started_at", "finished_at", "boot_id", "pid"]
        ),
        values | st.just("running"),
    ).map(lambda v: json.dumps(v).encode())
    | st.binary()
    | st.just(b"[" * 100_000)
)
def test_any_status_of_a_sandbox_is_a_state(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("sandbox")
    (folder / "lock").touch()
    (folder / "status.json").write_bytes(data)
    seen = sandbox.state(folder)
    assert seen.phase in ("exited", "lost")
    for time in (seen.started_at, seen.finished_at):
        assert time is None or math.isfinite(time)


# -- the follower -----------------------------------------------------------------------------------------------------


class Platform:
    """An attempt that has ended, with the output given; ``most_nodes`` and the like are nobody's business here."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = [RawLog(data, str(n + 1)) for n, data in enumerate(pieces)]
        self.asked = 0
        self.removed = False

    async def follow_logs(self, ref: AttemptRef, node: int, cursor: str | None) -> AsyncIterator[RawLog]:
        self.asked += 1
        for piece in self.pieces[int(cursor or 0) :]:
            yield piece

    async def observe(self, ref: AttemptRef) -> Observation:
        return Observation(Phase.ABSENT if self.removed else Phase.EXITED, exit_code=0, started_at=1.0, finished_at=2.0)

    async def known(self) -> list[AttemptRef]:
        return []

    async def events(self) -> AsyncIterator[AttemptRef]:
        await asyncio.Event().wait()
        yield REF

    async def stop(self, ref: AttemptRef, grace_s: float) -> None: ...

    async def remove(self, ref: AttemptRef) -> None:
        self.removed = True


class Told:
    """What a person would see on the timeline."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    async def __call__(self, ref: AttemptRef, kind: str, message: str) -> None:
        self.kinds.append(kind)


@pytest.fixture
def directories(tmp_path: Path) -> Directories:
    found = Directories(tmp_path)
    found.make()
    return found


async def no_mask(_job_id: str) -> None:
    return None


def ingest_of(directories: Directories, on_record: Any = None, told: Any = None) -> Ingest:
    async def ignored(*_: Any) -> None: ...

    return Ingest(
        Journals(directories),
        Signals(),
        on_record=on_record or ignored,
        on_complete=lambda _: None,
        mask_of=no_mask,
        on_trouble=told or ignored,
    )


async def followed(ingest: Ingest, platform: Platform) -> None:
    backend: Any = platform
    async with asyncio.timeout(60):
        while not ingest.follow(backend, REF):
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_module, "RETRY_S", 0.01)


async def test_a_forged_record_is_left_out_counted_and_told(directories: Directories) -> None:
    told = Told()
    ingest = ingest_of(directories, told=told)
    await followed(ingest, Platform(T + b'\x1e{"type":[]}\n' + T + b"one\n", T + b'\x1e{"type":[]}\n' + T + b"two\n"))
    assert [line[4] for line in ingest.journals.get(REF.job_id).read(0, 9)] == [b"one", b"two"]
    assert (ingest.records_refused_total, told.kinds) == (2, [RECORDS_REFUSED])


async def test_a_record_whose_handler_raises_is_left_out_and_told(directories: Directories) -> None:
    async def raises(ref: AttemptRef, time: float, record: Any) -> None:
        raise OverflowError("too large for a column")

    told = Told()
    ingest = ingest_of(directories, raises, told)
    await followed(ingest, Platform(T + b'\x1e{"type":"started"}\n' + T + b"one\n"))
    assert [line[4] for line in ingest.journals.get(REF.job_id).read(0, 9)] == [b"one"]
    assert (ingest.records_refused_total, told.kinds) == (1, [RECORDS_REFUSED])


async def test_a_record_is_heard_again_when_the_database_was_away(directories: Directories) -> None:
    heard: list[str] = []

    async def hear(ref: AttemptRef, time: float, record: Any) -> None:
        heard.append(record.type)
        if len(heard) == 1:
            raise OperationalError("SELECT", {}, Exception("away"))

    ingest = ingest_of(directories, hear)
    await followed(ingest, Platform(T + b'\x1e{"type":"started"}\n' + T + b"one\n"))
    assert (heard, ingest.records_refused_total) == (["started", "started"], 0)
    assert [line[4] for line in ingest.journals.get(REF.job_id).read(0, 9)] == [b"one"]


async def test_a_piece_that_breaks_the_journal_is_left_out_and_told(
    directories: Directories, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Journal.append

    def breaks(self: Journal, batch: Any, *args: Any) -> None:
        if b"bad" in batch.texts:
            raise ZeroDivisionError
        real(self, batch, *args)

    monkeypatch.setattr(Journal, "append", breaks)
    told = Told()
    ingest = ingest_of(directories, told=told)
    await followed(ingest, Platform(T + b"one\n", T + b"bad\n", T + b"three\n"))
    assert [line[4] for line in ingest.journals.get(REF.job_id).read(0, 9)] == [b"one", b"three"]
    assert (ingest.bytes_lost_total, told.kinds) == (len(T + b"bad\n"), [LOG_INCOMPLETE])


async def test_a_damaged_journal_is_told(directories: Directories) -> None:
    path = directories.telemetry(REF.job_id)
    kept(path)
    (path / "checkpoint.json").write_text('{"lines": "many"}')
    told = Told()
    ingest = ingest_of(directories, told=told)
    await followed(ingest, Platform(T + b"one\n"))
    assert told.kinds == [LOG_INCOMPLETE]


@asynccontextmanager
async def reconciling(directories: Directories, platform: Platform, **changes: Any) -> AsyncIterator[Any]:
    """A reconciler at work on the job of REF, which runs according to the database and has ended on its platform."""
    url = f"sqlite:///{directories.home}/db"
    await asyncio.to_thread(migrate, url)
    db, signals = Database(url), Signals()
    await insert(db, **changes)
    queue, unused = ReconcileQueue(), SimpleNamespace()
    transitions = Transitions(db, signals, lambda: None)
    reports = Reports(db, transitions.changed)
    ingest = Ingest(
        Journals(directories),
        signals,
        on_record=reports,
        on_complete=lambda ref: queue.wake(ref.job_id),
        mask_of=no_mask,
        on_trouble=reports.trouble,
    )
    backends: Any = {"default": platform}
    nothing: Any = unused
    reconciler = Reconciler(db, nothing, directories, backends, {}, ingest, transitions, nothing, nothing, queue)

    async def until(done: Any) -> Any:
        async with asyncio.timeout(60):
            while True:
                async with db.read() as conn:
                    found = await store.get_job(conn, REF.job_id)
                    events = [event["type"] for event in await store.list_events(conn, REF.job_id, 0, 100)]
                if done(found):
                    return found, events
                queue.wake(REF.job_id)
                await asyncio.sleep(0.02)

    await reconciler.start()
    try:
        yield until
    finally:
        await reconciler.stop()
        await db.close()


def ended(found: Any) -> bool:
    return found is not None and found.status.ended


async def test_a_log_that_cannot_be_stored_does_not_keep_a_job_from_ending(
    directories: Directories, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends, says that its log is incomplete, and the log is completed once that works."""
    monkeypatch.setattr(ingest_module, "PATIENCE_S", 0.05)
    directories.job(REF.job_id).mkdir(parents=True)
    directories.telemetry(REF.job_id).write_text("in its place")
    platform = Platform(T + b"one\n")
    async with reconciling(directories, platform) as until:
        found, events = await until(ended)
        assert (found.status, events.count(LOG_INCOMPLETE)) == (Status.SUCCEEDED, 1)
        assert not platform.removed, "the only copy of the rest of the log"
        directories.telemetry(REF.job_id).unlink()
        await until(lambda _: platform.removed)
        assert [line[4] for line in Journal(directories.telemetry(REF.job_id)).read(0, 9)] == [b"one"]


@pytest.mark.parametrize("broken", ["a file in its place", "a directory for a checkpoint"])
async def test_a_job_is_deleted_whatever_its_journal_is(directories: Directories, broken: str) -> None:
    path = directories.telemetry(REF.job_id)
    if broken == "a file in its place":
        path.parent.mkdir(parents=True)
        path.write_text("x")
    else:
        (path / "checkpoint.json").mkdir(parents=True)
    platform = Platform(T + b"one\n")
    async with reconciling(directories, platform, desired="delete", stop_reason="cancelled_by_user") as until:
        await until(lambda found: found is None)
    assert platform.removed
    assert not directories.job(REF.job_id).exists()


async def test_a_log_without_end_does_not_keep_a_job_from_ending(
    directories: Directories, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a sparse file of an exabyte on the platform's volume."""
    monkeypatch.setattr(ingest_module, "LONGEST_WAIT_S", 0.05)

    class Endless(Platform):
        async def follow_logs(self, ref: AttemptRef, node: int, cursor: str | None) -> AsyncIterator[RawLog]:
            position = int(cursor or 0)
            while True:
                position += 1
                yield RawLog(T + b"\n", str(position))
                await asyncio.sleep(0.01)

    async with reconciling(directories, Endless()) as until:
        _, events = await until(ended)
        assert LOG_INCOMPLETE in events


async def test_a_job_whose_specification_no_longer_fits_ends(directories: Directories) -> None:
    async with reconciling(directories, Platform(T + b"one\n"), spec={"nodes": "three", "workspace": {}}) as until:
        found, _ = await until(ended)
        assert found.status is Status.SUCCEEDED
