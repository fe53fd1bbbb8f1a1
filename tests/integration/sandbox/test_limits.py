"""Processes, processors and open files: one sandbox takes no more than its share, whoever started it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import outrider_sandbox as sandbox
from outrider_sandbox import cgroups, rlimits

from .conftest import CAN, Box

MOST = 100
BOMB = """
import os, threading, time, sys
started = 0
try:
    while started < 3000:
        if sys.argv[1] == "threads":
            threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        elif os.fork() == 0:
            time.sleep(1000)
            os._exit(0)
        started += 1
except (OSError, RuntimeError):
    pass
print(started, flush=True)
os._exit(0)
"""
PYTHON = "/usr/bin/python3"
no_pids_cgroup = not any(cgroups._parents("pids"))


@pytest.mark.parametrize("kind", ["processes", "threads"])
def test_processes_and_threads_are_limited(anybodys: Box, kind: str) -> None:
    """By a pids cgroup as root, by RLIMIT_NPROC as an ordinary user."""
    if rlimits.kernel_version() < (5, 14) and no_pids_cgroup:
        pytest.skip("this kernel counts all processes of a user")
    state = anybodys.launch(PYTHON, "-c", BOMB, kind, memory_bytes=1 << 30, max_processes=MOST, cpu=0.5).end()
    assert state.exit_code == 0, anybodys.text
    assert MOST // 2 < int(anybodys.text) < MOST
    anybodys.nothing_left()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give sandboxes other uids")
def test_rlimits_hold_a_user_with_a_uid_of_their_own(isolated: Box, second: Box, tmp_path: Path) -> None:
    """And not the same user's other sandbox."""
    allowed = range(2_000_000_001, 2_000_000_002)
    if not sandbox.usable(allowed, tmp_path).uids:
        pytest.skip("no uids of their own here")
    second.shell("echo up; for i in $(seq 60); do sleep 1000 & done; wait", uid=allowed[0], max_processes=MOST)
    second.says("up")
    state = isolated.launch(PYTHON, "-c", BOMB, "processes", uid=allowed[0], max_processes=MOST).end()
    assert state.exit_code == 0, isolated.text
    assert MOST // 2 < int(isolated.text) < MOST


def test_open_files_are_limited(anybodys: Box) -> None:
    anybodys.shell("ulimit -Hn").end()
    assert int(anybodys.text) <= rlimits.OPEN_FILES


@pytest.mark.skipif(CAN.memory == "sampling", reason="no memory cgroup can be made here")
def test_a_sandbox_has_a_share_of_the_processors(isolated: Box) -> None:
    isolated.shell("echo up; sleep 1000", memory_bytes=1 << 28, cpu=0.5, max_processes=MOST).says("up")
    mine = [
        path
        for controller in ("cpu", "pids")
        for parent, _ in cgroups._parents(controller)
        for path in parent.glob(f"outrider-{isolated.state.pid}-*")
    ]
    if not mine:
        pytest.skip("no cpu cgroup can be made here")
    shares = {
        file.read_text().strip()
        for path in mine
        for name in ("cpu.shares", "cpu.weight")
        if (file := path / name).exists()
    }
    assert shares in ({"512"}, {"50"})
    sandbox.request_stop(isolated.folder, 0)
    isolated.end()
    assert not any(path.exists() for path in mine)
