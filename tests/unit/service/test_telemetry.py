"""From raw output to lines and points, and the journal that survives a kill at any point."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider_service.backends.local.tail import read_piece
from outrider_service.backends.log_chunks import PIECE
from outrider_service.telemetry.ingest import samples_of
from outrider_service.telemetry.journal import Journal, Sample
from outrider_service.telemetry.lines import LONGEST_TEXT, parse
from outrider_service.telemetry.metric_lines import parse_metric
from outrider_service.telemetry.records import Started, System, read_record
from outrider_service.telemetry.series import downsample, read_rows

T = b"1732170000.123456 "


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b'{"chart":"loss","y":1}', ("loss", "", None, 1, None)),
        (b'{"y":-1.5e3,"x":2,"chart":"a b@3"}', ("a b@3", "", 2, -1500.0, None)),
        (b'{"chart":"l","y":1,"series":"val"}', ("l", "val", None, 1, None)),
        (b'{"chart":"l","axis":"Step"}', ("l", "", None, None, "Step")),
        (b'{"chart":"l","axis":"Step","y":1}', ("l", "", None, 1, "Step")),
        (b'{"chart":"l"}', None),
        (b'{"chart":"","y":1}', None),
        (b'{"chart":1,"y":1}', None),
        (b'{"chart":"l","y":"1"}', None),
        (b'{"chart":"l","y":true}', None),
        (b'{"chart":"l","y":null}', None),
        (b'{"chart":"l","y":NaN}', None),
        (b'{"chart":"l","y":1e999}', None),
        (b'{"chart":"l","y":1,"x":"2"}', None),
        (b'{"chart":"l","y":1,"z":2}', None),
        (b'{"chart":"system/cpu","y":1}', None),
        (b'{"chart":"a\\nb","y":1}', None),
        (b'[{"chart":"l","y":1}]', None),
        (b'{"chart":"l","y":1}x', None),
        (b'{"chart":"' + b"x" * 5000 + b'","y":1}', None),
    ],
)
def test_metric_lines(line: bytes, found: object) -> None:
    assert parse_metric(line) == found


@given(st.binary(max_size=200))
def test_no_line_breaks_the_parser(line: bytes) -> None:
    parse_metric(line)
    batch = parse(T + line.replace(b"\n", b"") + b"\n")
    for text in batch.texts:
        text.decode()
        assert b"\n" not in text


def test_lines_records_and_escapes() -> None:
    batch = parse(
        T + b"plain\n" + T + b'\x1e{"type":"started"}\n' + T + b"\x1e\x1eescaped\n" + T + b"\n" + T + b"\x1enonsense\n"
    )
    assert batch.texts == [b"plain", b"\x1eescaped", b""]
    assert batch.records == [(1732170000.123456, Started(type="started"))]
    assert batch.refused == 1


def test_carriage_returns_show_the_last_state() -> None:
    assert parse(T + b"10%\r20%\r30%\n").texts == [b"30%"]
    assert parse(T + b"windows\r\n").texts == [b"windows"]


def test_long_lines_lose_nothing() -> None:
    text = ("ä" * 100_000).encode()
    pieces = parse(T + text + b"\n").texts
    assert b"".join(pieces) == text
    assert all(len(piece) <= LONGEST_TEXT for piece in pieces)
    for piece in pieces:
        piece.decode()


def journal_with(path: Path, *chunks: bytes) -> Journal:
    journal = Journal(path)
    for n, chunk in enumerate(chunks):
        journal.append(parse(chunk), 1, 0, str(n))
    return journal


def test_a_journal_reads_back_what_was_written(tmp_path: Path) -> None:
    journal = journal_with(tmp_path, T + b"one\n" + T + b"two\n", T + "drei ä\n".encode())
    for reader in (journal, Journal(tmp_path)):
        assert [(n, text.decode()) for n, _, _, _, text in reader.read(0, 10)] == [
            (1, "one"),
            (2, "two"),
            (3, "drei ä"),
        ]
        assert [n for n, *_ in reader.read(1, 1)] == [2]
        assert reader.read(3, 10) == []
        assert [n for n, *_ in reader.search("DREI", 0, 10)[0]] == [3]
        assert reader.cursor(1, 0) == "1"


def test_what_lies_beyond_the_checkpoint_is_written_again(tmp_path: Path) -> None:
    """As after a kill between the files and the checkpoint."""
    journal_with(tmp_path, T + b'{"chart":"c","y":1}\n')
    kept = (tmp_path / "checkpoint.json").read_bytes()
    journal_with(tmp_path, T + b'{"chart":"c","y":2}\n' + T + b"lost\n")
    (tmp_path / "checkpoint.json").write_bytes(kept)
    journal = journal_with(tmp_path, T + b'{"chart":"c","y":2}\n')
    assert [text for *_, text in journal.read(0, 10)] == [b'{"chart":"c","y":1}', b'{"chart":"c","y":2}']
    entry = journal.checkpoint.series[0]
    rows = read_rows(journal.series_path(entry), entry.count)
    assert rows[:, :2].tolist() == [[1, 1], [2, 2]]
    assert rows[:, 3].tolist() == [1, 2], "each point knows its line"


def test_a_failed_write_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = journal_with(tmp_path, T + b"one\n")

    def full(self: Journal) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "save", full)
        with pytest.raises(OSError, match="No space"):
            journal.append(parse(T + b'{"chart":"c","y":1}\n'), 1, 0, "x", [Sample("system/cpu", "", 1.0, 5.0)])
    assert (journal.checkpoint.lines, journal.cursor(1, 0)) == (1, "0")
    journal.append(parse(T + b"two\n"), 1, 0, "y")
    assert [text for *_, text in journal.read(0, 10)] == [b"one", b"two"]


def test_attempts_and_nodes_are_series_of_their_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for attempt, node in ((1, 0), (1, 1), (2, 0)):
        journal.append(parse(T + b'{"chart":"c","y":%d}\n' % (attempt * 10 + node)), attempt, node, "c")
    assert [(s.attempt, s.node, s.count, s.last[1]) for s in journal.checkpoint.series] == [
        (1, 0, 1, 10),
        (1, 1, 1, 11),
        (2, 0, 1, 20),
    ]


def test_system_records_become_samples() -> None:
    record = read_record(
        b'{"type":"system","cpu":50.0,"memory":1000,"memory_limit":null,'
        b'"gpus":[{"index":1,"name":"A","utilisation":90,"memory_used":null,"power":200.5}]}'
    )
    assert isinstance(record, System)
    assert samples_of(record, 7.0) == [
        Sample("system/cpu", "", 50.0, 7.0),
        Sample("system/memory", "", 1000.0, 7.0),
        Sample("system/gpu_utilisation", "gpu1", 90.0, 7.0),
        Sample("system/gpu_power", "gpu1", 200.5, 7.0),
    ]


def test_downsampling_keeps_ends_and_extremes() -> None:
    count = 100_000
    rows = np.zeros((count, 4))
    rows[:, 0] = np.arange(count)
    rows[50_123, 1], rows[70_001, 1] = 5.0, -5.0
    small = downsample(rows, 300)
    assert len(small) <= 300
    assert (small[0, 0], small[-1, 0]) == (0, count - 1)
    assert (small[:, 1].max(), small[:, 1].min()) == (5.0, -5.0)
    assert np.all(np.diff(small[:, 0]) > 0)


def test_downsampling_of_a_series_that_goes_back(tmp_path: Path) -> None:
    rows = np.zeros((1000, 4))
    rows[:, 0] = np.concatenate([np.arange(600), np.arange(400, 800)])
    small = downsample(rows, 100)
    assert len(small) <= 100
    assert small[-1, 0] == 799
    assert len(read_rows(tmp_path / "none", 0)) == 0
    assert math.isfinite(small.sum())


@given(st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"")), max_size=20), st.booleans())
def test_the_tail_gives_every_byte_once(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], end: bool
) -> None:
    path = tmp_path_factory.mktemp("tail") / "log"
    raw = b"".join(T + line + b"\n" for line in lines)
    cursor, got = None, b""
    for cut in (len(raw) // 3, len(raw)):
        path.write_bytes(raw[:cut])
        while (piece := read_piece(path, cursor, final=cut == len(raw) and end)) is not None:
            got += piece.data
            cursor = piece.cursor
    assert got == raw


def test_the_tail_passes_on_a_line_that_is_larger_than_a_piece(tmp_path: Path) -> None:
    path = tmp_path / "log"
    body = b"x" * (PIECE * 3 + 17)
    path.write_bytes(T + body + b"\n" + T + b"next\n")
    cursor, texts = None, []
    while (piece := read_piece(path, cursor, final=True)) is not None:
        batch = parse(piece.data)
        texts += batch.texts
        assert set(batch.times) == {1732170000.123456}
        cursor = piece.cursor
    assert b"".join(texts) == body + b"next"
    assert texts[-1] == b"next"
