"""What one job prints must not fill the service's memory or stop its log, and a power failure must not stop a job."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from outrider_service.backends.local.tail import read_piece
from outrider_service.backends.log_chunks import PIECE
from outrider_service.storage.directories import Directories
from outrider_service.telemetry import journal as journals
from outrider_service.telemetry.ingest import Journals, newest
from outrider_service.telemetry.journal import MOST_READ, MOST_SERIES, Journal
from outrider_service.telemetry.lines import LONGEST_TEXT, parse
from outrider_service.telemetry.points import FRESH_IN_ALL, fresh_points
from outrider_service.telemetry.records import Progress, Record, Started, System, read_record
from outrider_service.telemetry.render import MOST_CACHED, LineCache
from outrider_service.telemetry.series import ROW_BYTES, read_rows
from outrider_service.user_threads import UserThreads

T = b"1732170000.123456 "


def filled(path: Path, *lines: bytes) -> Journal:
    journal = Journal(path)
    journal.append(parse(b"".join(T + line + b"\n" for line in lines)), 1, 0, "cursor")
    return journal


def everything(journal: Journal, limit: int = 10_000) -> list[bytes]:
    texts: list[bytes] = []
    while lines := journal.read(len(texts), limit):
        texts += [text for *_, text in lines]
    return texts


def test_long_lines_are_read_a_part_at_a_time(tmp_path: Path) -> None:
    texts = [b"%d" % n + b"x" * 30_000 for n in range(200)]
    journal = filled(tmp_path, *texts)
    page = journal.read(0, 10_000)
    assert sum(len(text) for *_, text in page) <= MOST_READ + LONGEST_TEXT
    assert len(page) > 1
    assert everything(journal) == texts


def test_a_search_says_how_far_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "MOST_SEARCHED", 1000)
    journal = filled(tmp_path, *(b"line %d " % n + b"x" * 100 for n in range(100)), b"needle")
    after, found, asked = 0, [], 0
    while after < journal.checkpoint.lines:
        lines, after = journal.search("NEEDLE", after, 10, block=4)
        found += [n for n, *_ in lines]
        asked += 1
    assert found == [101]
    assert asked > 5


async def test_followers_pieces_are_whole_and_the_cache_is_small(tmp_path: Path) -> None:
    cache = LineCache(UserThreads())
    texts = [b"%d" % n + b"x" * 30_000 for n in range(100)]
    for number in range(60):
        journal = filled(tmp_path / str(number), *texts)
        seen: list[str] = []
        for _ in range(2):
            after, seen = 0, []
            while (piece := await cache.after("bob", str(number), journal, after)) is not None:
                after, data = piece
                seen += [line["text"] for line in json.loads(data)]
        assert [text.encode() for text in seen] == texts
    assert sum(len(data) for *_, data in cache._last.values()) <= MOST_CACHED


async def test_the_cache_follows_a_log_that_grows(tmp_path: Path) -> None:
    cache, journal = LineCache(UserThreads()), filled(tmp_path, b"one")
    assert await cache.after("bob", "j", journal, 0) == await cache.after("bob", "j", journal, 0)
    journal.append(parse(T + b"two\n"), 1, 0, "c")
    end, data = await cache.after("bob", "j", journal, 0) or (0, b"[]")
    assert (end, [line["text"] for line in json.loads(data)]) == (2, ["one", "two"])


async def test_who_catches_up_with_a_long_log_holds_their_own_threads_alone(tmp_path: Path) -> None:
    threads = UserThreads(workers=4, each=1)
    cache, journal = LineCache(threads), filled(tmp_path, *[b"%d" % n for n in range(5000)])
    gate = threading.Event()
    held = asyncio.create_task(threads.run("mallory", gate.wait, 60))
    theirs = [asyncio.create_task(cache.after("mallory", "j", journal, 0)) for _ in range(50)]
    mine = await cache.after("bob", "j", journal, 1)
    assert mine is not None
    assert mine[0] == 1001
    assert not any(task.done() for task in theirs)
    assert threads.counts() == {"running": 1, "waiting": 1}, "fifty followers of one piece render it once"
    gate.set()
    assert {piece[0] for piece in await asyncio.gather(*theirs) if piece is not None} == {1000}
    await held
    threads.close()


def test_axes_without_end_are_not_kept(tmp_path: Path) -> None:
    journal = filled(tmp_path, *(b'{"chart":"c%d","axis":"x"}' % n for n in range(MOST_SERIES * 2)))
    assert len(journal.checkpoint.axes) == MOST_SERIES
    journal.append(parse(T + b'{"chart":"c0","axis":"y"}\n'), 1, 0, "c")
    assert Journal(tmp_path).checkpoint.axes["c0"] == "y"


def test_many_series_are_followed_with_few_points_each(tmp_path: Path) -> None:
    lines = [b'{"chart":"c%d","y":%d}' % (chart, y) for chart in range(500) for y in range(300)]
    journal = filled(tmp_path, *lines)
    sent: dict[str, int] = {}
    pieces: list[Any] = fresh_points(journal, sent)
    assert len(pieces) == 500
    assert sum(len(piece["x"]) for piece in pieces) <= FRESH_IN_ALL
    assert fresh_points(journal, sent) == []


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"lines": 3}', b'{"series": [{"x": 1}]}'])
def test_a_checkpoint_that_a_power_failure_spoilt_is_begun_anew(tmp_path: Path, damage: bytes) -> None:
    filled(tmp_path, b"one", b'{"chart":"c","y":1}')
    (tmp_path / "checkpoint.json").write_bytes(damage)
    journal = Journal(tmp_path)
    assert (journal.read(0, 10), journal.cursor(1, 0)) == ([], None), "all is read from the platform again"
    journal.append(parse(T + b"one\n"), 1, 0, "c")
    assert everything(Journal(tmp_path)) == [b"one"]


@pytest.mark.parametrize(("file", "size", "left"), [("log.text", 7, 1), ("log.index", 60, 1), ("log.text", 0, 0)])
def test_files_that_are_older_than_the_checkpoint(tmp_path: Path, file: str, size: int, left: int) -> None:
    filled(tmp_path, b"one", b"two", b'{"chart":"c","y":1}')
    with (tmp_path / file).open("r+b") as opened:
        opened.truncate(size)
    (tmp_path / "series" / "0.rows").write_bytes(b"")
    journal = Journal(tmp_path)
    assert everything(journal) == [b"one", b"two"][:left]
    assert journal.checkpoint.series[0].count == 0
    journal.append(parse(T + b'{"chart":"c","y":2}\n'), 1, 0, "c")
    again = Journal(tmp_path)
    assert everything(again)[left:] == [b'{"chart":"c","y":2}']
    assert read_rows(again.series_path(again.checkpoint.series[0]), 1).nbytes == ROW_BYTES


def test_a_journal_stays_open_until_the_last_of_its_writers_is_done(tmp_path: Path) -> None:
    open_ones = Journals(Directories(tmp_path))
    first = open_ones.get("j1")
    open_ones.pin("j1")
    open_ones.pin("j1")
    open_ones.unpin("j1")
    for number in range(3000):
        open_ones.get(f"other{number}")
    assert open_ones.get("j1") is first
    open_ones.unpin("j1")
    assert not open_ones._pinned


def test_of_a_flood_of_progress_the_last_word_is_kept() -> None:
    records: list[tuple[float, Record]] = [(float(n), Progress(type="progress", done=n)) for n in range(1000)]
    assert newest([(0.0, Started(type="started")), *records, (1.0, System(type="system"))]) == [
        (0.0, Started(type="started")),
        (999.0, Progress(type="progress", done=999)),
    ]


def test_a_gpu_is_known_by_its_number_only() -> None:
    assert read_record(b'{"type":"system","gpus":[{"index":"%s","power":1}]}' % (b"x" * 1000)) is None


@pytest.mark.parametrize("text", ["ä", "€", "🚀", "x🚀", "xy🚀"])
def test_a_long_line_is_cut_between_characters(tmp_path: Path, text: str) -> None:
    path = tmp_path / "log"
    body = text * (PIECE // len(text.encode()) * 2)
    path.write_bytes(T + body.encode() + b"\n")
    cursor, texts = None, []
    while (piece := read_piece(path, cursor, final=True)) is not None:
        texts += parse(piece.data).texts
        cursor = piece.cursor
    assert b"".join(texts).decode() == body
