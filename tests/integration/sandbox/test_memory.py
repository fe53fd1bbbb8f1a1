"""The memory limit, kept by a cgroup where there can be one, else by looking: the same ends either way."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from outrider_sandbox import cgroups

from .conftest import CAN, Box, until

LIMIT = 120 << 20
GREEDY = """
import time
print("up", flush=True)
held = []
while True:
    held.append(bytearray(b"x" * (8 << 20)))
    time.sleep(0.02)
"""


@pytest.fixture(params=["cgroup", "sampling"])
def kept_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the limit is kept. A supervisor that finds no cgroups looks by itself."""
    if request.param == "cgroup" and CAN.memory == "sampling":
        pytest.skip("no memory cgroup can be made here")
    if request.param == "sampling" and CAN.memory != "sampling":
        import outrider_sandbox.control as control

        start = "from outrider_sandbox.supervisor"
        hide = f"from outrider_sandbox import cgroups\ncgroups.create = lambda *a, **k: None\n{start}"
        monkeypatch.setattr(control, "_BOOT", control._BOOT.replace(start, hide))
    return str(request.param)


def test_a_job_above_its_limit_ends_as_out_of_memory(box: Box, kept_by: str) -> None:
    state = box.python(GREEDY, memory_bytes=LIMIT).end()
    assert (state.reason, state.exit_code) == ("out_of_memory", 137), kept_by
    assert state.message == "It used more memory than its limit of 120 MiB."
    box.nothing_left()


def test_a_child_above_the_limit_counts_as_well(box: Box, kept_by: str) -> None:
    script = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {GREEDY!r}])\nsys.exit(9)"
    assert box.python(script, memory_bytes=LIMIT).end().reason == "out_of_memory", kept_by
    box.nothing_left()


def test_files_in_memory_count(isolated: Box, kept_by: str) -> None:
    script = "head -c 300M /dev/zero > /dev/shm/x & wait $!; sleep 20"
    state = isolated.shell(script, memory_bytes=LIMIT, shm_bytes=1 << 30).end()
    assert state.reason == "out_of_memory", kept_by


def test_below_the_limit_nothing_happens(box: Box, kept_by: str) -> None:
    """Eight processes share the same pages: together they hold them once."""
    script = """
import os, time
held = bytearray(60 << 20)
held[::4096] = b"x" * len(held[::4096])
for _ in range(8):
    if os.fork() == 0:
        time.sleep(1.5)
        os._exit(0)
for _ in range(8):
    os.wait()
print("fine")
"""
    assert box.python(script, memory_bytes=LIMIT).end().exit_code == 0, kept_by
    assert box.lines == ["fine"]


def test_only_the_largest_process_may_be_killed_instead(isolated: Box, kept_by: str) -> None:
    """As a notebook server wants it: the kernel dies, the server does not."""
    script = f"{{ python3 -c '{GREEDY}'; }} 2>/dev/null; echo went on; exit 0"
    state = isolated.shell(
        script.replace('"', '\\"').replace('\\"', '"'), memory_bytes=LIMIT, oom_kills_all=False
    ).end()
    assert (state.reason, state.exit_code) == ("exited", 0), kept_by
    assert isolated.lines[-1] == "went on"


@pytest.mark.skipif(CAN.memory == "sampling", reason="no memory cgroup can be made here")
def test_cgroups_are_removed_and_those_of_killed_supervisors_swept(box: Box) -> None:
    def ours() -> set[Path]:
        return {p for parent, _ in cgroups._parents("memory") for p in parent.glob("outrider-*")}

    before = ours()
    box.shell("echo up; sleep 1000", memory_bytes=LIMIT).says("up")
    mine = ours() - before
    assert len(mine) == 1
    os.kill(box.state.pid or 0, signal.SIGKILL)
    box.end()
    box.nothing_left()
    until(lambda: cgroups.sweep() or not mine & ours())  # type: ignore[func-returns-value]


@pytest.mark.skipif(CAN.memory == "sampling", reason="no memory cgroup can be made here")
def test_a_program_inside_sees_its_limit(isolated: Box) -> None:
    isolated.shell(
        "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes",
        memory_bytes=LIMIT,
    ).end()
    assert isolated.text == str(LIMIT)


HIDDEN = {
    "memfd": "fd = os.memfd_create('x'); [os.write(fd, b'x' * (1 << 20)) for _ in range(300)]",
    "System V": "id = libc.shmget(0, 300 << 20, 0o1600); at = libc.shmat(id, None, 0); "
    "ctypes.memset(ctypes.c_void_p(at), 1, 300 << 20); libc.shmdt(ctypes.c_void_p(at))",
    "shared": "m = mmap.mmap(-1, 300 << 20); [m.write(b'x' * (1 << 20)) for _ in range(300)]",
    "half and half": "fd = os.memfd_create('x'); [os.write(fd, b'x' * (1 << 20)) for _ in range(80)]; "
    "m = mmap.mmap(-1, 80 << 20); [m.write(b'x' * (1 << 20)) for _ in range(80)]",
}


@pytest.mark.parametrize("way", HIDDEN)
def test_memory_that_nobody_has_mapped_counts(isolated: Box, kept_by: str, way: str) -> None:
    setting = "import ctypes, mmap, os, time; libc = ctypes.CDLL(None); libc.shmat.restype = ctypes.c_void_p"
    state = isolated.python(f"{setting}\n{HIDDEN[way]}\ntime.sleep(60)\nprint('kept')", memory_bytes=LIMIT).end()
    assert state.reason == "out_of_memory", (kept_by, isolated.text)


def test_a_file_in_memory_that_is_mapped_too_counts_once(isolated: Box, kept_by: str) -> None:
    script = """
import mmap, os, time
fd = os.memfd_create("x")
os.ftruncate(fd, 70 << 20)
held = mmap.mmap(fd, 70 << 20)
for _ in range(70):
    held.write(b"x" * (1 << 20))
time.sleep(1.5)
print("fine")
"""
    isolated.python(script, memory_bytes=LIMIT).end()
    assert isolated.lines == ["fine"], kept_by
