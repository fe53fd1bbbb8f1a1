"""Several writers share a job's output: every metric counts once, wherever another writer left the line, and every byte
of the rest is in the log. From what a command prints, through the runner, to the service's lines and points."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider.runner.lines import LineFilter
from outrider_service.telemetry.lines import Batch, parse

STAMP = b"1732170000.123456 "


def taken(*writes: bytes, tick: bool = False) -> Batch:
    """What the service takes in of these writes; ``tick``: a long pause after each."""
    lines, now = LineFilter(), 0.0
    out = b""
    for write in writes:
        out += lines.feed(write, now)
        if tick:
            now += 1000.0
            out += lines.tick(now)
    out += lines.close()
    return parse(b"".join(STAMP + line + b"\n" for line in out.split(b"\n")[:-1]))


def values(batch: Batch, chart: str = "loss") -> list[float]:
    return list(batch.points.get((chart, ""), [])[1::4])


def point(y: float, chart: str = "loss") -> bytes:
    return json.dumps({"chart": chart, "y": y}).encode()


@pytest.mark.parametrize("tick", [False, True])
def test_a_progress_bar_eats_no_points(tick: bool) -> None:
    writes = [write for n in range(1, 11) for write in (f"\r{n * 10}%|##| {n}/10".encode(), point(n), b"\n")]
    assert values(taken(*writes, tick=tick)) == list(range(1, 11))


@pytest.mark.parametrize(
    "text",
    [
        b"\x1b[2K\x1b[1G" + point(1) + b"\n",
        b"epoch 3, " + point(1) + b"\n",
        point(1) + b"100%|####| 5/5\n",
        b"\rloading " + point(1) + b"\rdone\n",
        point(1) + b"\r\n",
        b"INFO " + point(1) + b"\n",
        b"[00:01<00:05, " + point(1) + b"\n",
        b"{broken " + point(1) + b"\n",
        b"\xff\xfe " + point(1) + b"\n",
        b"x" * 40_000 + point(1) + b"\n",
        point(1),
    ],
)
@pytest.mark.parametrize("tick", [False, True])
def test_wherever_another_writer_left_the_line(text: bytes, tick: bool) -> None:
    assert values(taken(text, tick=tick)) == [1]


def test_records_right_behind_each_other_count_each() -> None:
    assert values(taken(point(1) + point(2) + b" " + point(3) + b"\n")) == [1, 2, 3]


@pytest.mark.parametrize(
    "text",
    [
        b'{"event": ' + point(1) + b"}",
        b"[" + point(1) + b"]",
        b'INFO {"event": ' + point(1) + b"}",
        b'{"chart": "loss", "y": "1"}',
        b'x {"chart": "loss", "y": 1, "more": 2}',
        b'x {"chart": "system/cpu", "y": 1}',
        b'x {"chart": "loss", "y": 1',
        b"x " + json.dumps({"chart": "c" * 5000, "y": 1}).encode(),
    ],
)
def test_what_is_no_metric_is_a_line(text: bytes) -> None:
    batch = taken(text + b"\n")
    assert not batch.points
    assert batch.texts == [text]


def test_the_line_is_kept_as_it_was_printed() -> None:
    text = b"epoch 3, " + point(1) + b" and more"
    batch = taken(text + b"\n")
    assert batch.texts == [text]
    assert batch.points["loss", ""][3] == 0


# Whole writes: metrics, each with or without its newline, and text of other writers without carriage returns.
words = st.text(st.characters(codec="utf-8", exclude_characters='\r\n\x00\x1e{}":\\'), max_size=12).map(str.encode)
others = st.one_of(words, words.map(lambda word: word + b"\n"), st.just(b"\n"))


@given(st.lists(st.one_of(others, st.integers(0, 10**6)), max_size=30), st.booleans(), st.booleans())
def test_any_interleaving_of_whole_writes(writes: list[bytes | int], newline: bool, tick: bool) -> None:
    end = b"\n" if newline else b""
    sent = [write if isinstance(write, bytes) else point(write) + end for write in writes]
    batch = taken(*sent, tick=tick)
    assert values(batch) == [float(write) for write in writes if isinstance(write, int)]
    if not tick:
        # With pauses, unfinished lines are shown before they are whole.
        lines = b"".join(sent).split(b"\n")
        assert batch.texts == (lines if lines[-1] else lines[:-1])


bars = st.tuples(words, st.sampled_from([b"\r", b"\x1b[2K", b"\r\r"])).map(lambda pair: pair[1] + pair[0])


@given(st.lists(st.one_of(bars, others, st.integers(0, 10**6)), max_size=30), st.booleans())
def test_bars_that_rewrite_their_line_eat_nothing(writes: list[bytes | int], tick: bool) -> None:
    sent = [write if isinstance(write, bytes) else point(write) for write in writes]
    assert values(taken(*sent, tick=tick)) == [float(write) for write in writes if isinstance(write, int)]
