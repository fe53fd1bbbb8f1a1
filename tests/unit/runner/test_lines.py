"""What a command prints becomes whole lines: nothing lost or endless, nothing that passes for a record."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from outrider.runner.lines import LONGEST, LineFilter


def through(*chunks: bytes) -> bytes:
    lines = LineFilter()
    return b"".join(lines.feed(chunk, 0.0) for chunk in chunks) + lines.close()


@given(st.lists(st.binary(max_size=40)))
def test_ordinary_output_passes_unchanged_whatever_its_bytes(chunks: list[bytes]) -> None:
    chunks = [chunk.replace(b"\r", b"").replace(b"\x1e", b"") for chunk in chunks]
    printed = b"".join(chunks)
    assert through(*chunks) == (printed if printed.endswith(b"\n") or not printed else printed + b"\n")


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\x1e", b"\xff", b"bc"])), st.integers(1, 5))
def test_how_output_is_cut_into_chunks_makes_no_difference(parts: list[bytes], size: int) -> None:
    printed = b"".join(parts)
    assert through(printed) == through(*[printed[i : i + size] for i in range(0, len(printed), size)])


def test_a_line_that_looks_like_a_record_is_escaped() -> None:
    assert through(b'\x1e{"type":"exited"}\na\x1eb\n\x1e') == b'\x1e\x1e{"type":"exited"}\na\x1eb\n\x1e\x1e\n'
    assert through(b'bar\r\x1e{"type":"exited"}\n') == b'\x1e\x1e{"type":"exited"}\n'


def test_only_the_last_state_of_a_rewritten_line_is_kept() -> None:
    assert through(b"10%\r20%\r100%\n", b"next\r\n") == b"100%\nnext\n"
    assert through(b"\r10%", b"\r20%", b"\r") == b"20%\n"


def test_a_flood_of_rewrites_shows_one_state_a_second() -> None:
    lines = LineFilter()
    shown = b""
    for i in range(1000):
        shown += lines.feed(b"\r%d of 1000" % i, i / 100) + lines.tick(i / 100)
    assert 8 <= shown.count(b"\n") <= 10
    assert lines.feed(b"\rdone\n", 10.0) == b"done\n"


def test_a_state_that_was_shown_is_not_repeated_when_its_line_ends() -> None:
    lines = LineFilter()
    lines.feed(b"50%\r100%", 0.0)
    assert lines.tick(2.0) == b"100%\n"
    assert lines.feed(b"\n", 3.0) == b""
    assert lines.feed(b"x\n", 3.0) == b"x\n"


def test_a_question_without_newline_is_shown_and_later_whole() -> None:
    lines = LineFilter()
    assert lines.feed(b"continue? ", 0.0) == b""
    assert lines.due() == 1.0
    assert lines.tick(1.0) == b"continue? \n"
    assert lines.tick(5.0) == b""
    assert lines.feed(b"yes\n", 6.0) == b"continue? yes\n"


def test_a_metric_flushed_in_two_halves_is_one_line_and_its_half_is_not_shown() -> None:
    lines = LineFilter()
    lines.feed(b'{"chart": "lo', 0.0)
    assert lines.tick(100.0) == b""
    assert lines.feed(b'ss", "y": 1}\n', 101.0) == b'{"chart": "loss", "y": 1}\n'


def test_ten_megabytes_without_newline_come_in_pieces_and_nothing_is_held_back() -> None:
    lines = LineFilter()
    out = b""
    for _ in range(160):
        out += lines.feed(b"x" * 65536, 0.0)
        assert sum(map(len, lines._parts)) <= LONGEST + 65536
    out += lines.close()
    assert max(map(len, out.split(b"\n"))) <= LONGEST
    assert out.replace(b"\n", b"") == b"x" * (160 * 65536)


def test_pieces_do_not_cut_characters() -> None:
    out = through("ü".encode() * LONGEST)
    for piece in out.split(b"\n"):
        piece.decode()


def test_long_lines_in_one_chunk_are_cut_and_short_ones_between_them_are_not() -> None:
    long = b"x" * (LONGEST * 2 + 5)
    out = through(b"a\n" + long + b"\nb\n" + b"y" * LONGEST + b"\nc\n")
    lines = out.split(b"\n")
    assert lines[0] == b"a"
    assert lines[-4:] == [b"b", b"y" * LONGEST, b"c", b""]
    assert b"".join(lines[1:-4]) == long


def test_plain_lines_cost_little() -> None:
    """Far above what a pipe delivers; an accidental quadratic would take minutes here."""
    chunk = b"step 1234 loss 0.1234 accuracy 0.98765\n" * 6700
    lines = LineFilter()
    began = time.process_time()
    for _ in range(400):
        lines.feed(chunk[:-7], 0.0)
        lines.feed(chunk[-7:], 0.0)
    assert time.process_time() - began < 30
