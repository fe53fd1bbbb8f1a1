"""The log file: every line has its time, and a full disk costs output, never the job."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

import pytest

from outrider_sandbox.output import Log

LINE = re.compile(rb"\d+\.\d{6} (.*)", re.DOTALL)


def lines(path: Path) -> list[bytes]:
    """The texts of the log's lines, as a reader takes them."""
    data = path.read_bytes()
    assert data.endswith(b"\n") or not data
    found = []
    for line in data.splitlines() if b"\r" not in data else data.split(b"\n")[:-1]:
        match = LINE.fullmatch(line)
        assert match, line
        found.append(match[1])
    return found


def test_every_line_has_its_time(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for chunk in (b"one\ntwo\n", b"thr", b"ee", b"\n\nfi", b"ve"):
        log.append(chunk)
    log.close()
    assert lines(tmp_path / "log") == [b"one", b"two", b"three", b"", b"five"]


def test_an_unfinished_line_is_there_at_once(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.append(b"waiting")
    assert (tmp_path / "log").read_bytes().endswith(b" waiting")


def test_a_note_of_the_platform_is_a_line_of_its_own(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.append(b"half")
    log.note("something happened")
    log.append(b"more\n")
    log.close()
    assert lines(tmp_path / "log") == [b"half", b"[outrider] something happened", b"more"]


class Disk:
    """Lets os.write use a given number of bytes, and no more until it is told."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._write = os.write

    def __call__(self, fd: int, data: Any) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._write(fd, bytes(data)[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("room", range(0, 120, 3))
def test_a_full_disk_drops_output_counts_it_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    path = tmp_path / "log"
    log = Log(path)
    log.append(b"before\n")
    disk = Disk(room)
    monkeypatch.setattr(os, "write", disk)
    printed = [b"line %d of many\n" % i for i in range(8)]
    for line in printed:
        log.append(line)
    disk.room = 1 << 20
    log.append(b"after\n")
    log.close()
    found = lines(path)
    assert found[0] == b"before"
    assert found[-1] == b"after"
    assert b"bytes of output lost: no space left on device" in found[-2]
    kept = b"".join(text + b"\n" for text in found[1:-2])
    assert b"".join(printed).startswith(kept.removesuffix(b"\n"))
    lost = int(found[-2].split()[1])
    assert abs(lost - (sum(map(len, printed)) - len(kept))) <= 1


def test_what_is_lost_at_the_very_end_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(tmp_path / "log")
    monkeypatch.setattr(os, "write", Disk(30))
    log.append(b"x" * 100)
    log.append(b"y" * 100)
    log.close()
    assert (tmp_path / "log").stat().st_size == 30
