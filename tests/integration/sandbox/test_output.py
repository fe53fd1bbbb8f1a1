"""A sandbox's output: whole, whatever it is, and never in the way of the job."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .conftest import Box


def test_nothing_is_lost_of_a_lot(box: Box) -> None:
    box.python("import sys\nfor i in range(300_000): sys.stdout.write(f'line {i}\\n')").end()
    assert box.lines == [f"line {i}" for i in range(300_000)]


def test_bytes_pass_as_they_are_and_an_unfinished_line_is_completed(box: Box) -> None:
    box.shell("printf 'a\\377\\376b\\000c\\nlast'").end()
    texts = [line.split(b" ", 1)[1] for line in box.log.split(b"\n")[:-1]]
    assert texts == [b"a\xff\xfeb\0c", b"last"]
    assert box.log.endswith(b"\n")


def test_a_line_of_ten_megabytes_arrives(box: Box) -> None:
    box.python("print('x' * 10_000_000)").end()
    assert box.lines == ["x" * 10_000_000]


def test_times_are_those_of_the_lines(box: Box) -> None:
    box.shell("echo a; sleep 0.3; echo b").end()
    first, last = (float(line.split()[0]) for line in box.log.splitlines())
    assert 0.2 < last - first < 20


@pytest.fixture
def small_disk(tmp_path: Path) -> object:
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.getuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "outrider-test", str(folder)],
            capture_output=True,
        ).returncode
    ):
        pytest.skip("a disk of one megabyte needs root and the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("isolation", ["bubblewrap", "plain"])
def test_a_full_disk_costs_output_and_neither_the_job_nor_its_end(small_disk: Path, isolation: str) -> None:
    box = Box(small_disk, isolation)
    script = """
import os, time
for i in range(200): os.write(1, b"%05d " % i + b"x" * 10_000 + b"\\n")
print("printed", file=open("/dev/null", "w"))
time.sleep(0.3)
"""
    try:
        state = box.python(script).end()
        assert (state.reason, state.exit_code) == ("exited", 0)
        assert box.lines[0].startswith("00000 ")
        assert (small_disk / "log").stat().st_size < 1 << 20
    finally:
        box.close()


def test_output_goes_on_when_there_is_room_again(small_disk: Path) -> None:
    box = Box(small_disk, "plain")
    (small_disk / "filler").write_bytes(bytes(700_000))
    script = """
import os, sys, time
for i in range(60): os.write(1, b"x" * 10_000 + b"\\n")
while os.path.exists(sys.argv[1]): time.sleep(0.05)
print("room again")
"""
    try:
        box.launch("python3", "-u", "-c", script, str(small_disk / "filler"))
        from .conftest import until

        until(lambda: (small_disk / "log").exists() and os.statvfs(small_disk).f_bavail == 0)
        (small_disk / "filler").unlink()
        box.says("room again")
        lost = [line for line in box.lines if "bytes of output lost: no space left on device" in line]
        assert len(lost) == 1
    finally:
        box.close()
