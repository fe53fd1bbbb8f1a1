"""Processor time and memory, from whichever of the kernel's files says it about this job alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from outrider.runner.usage import Usage


def test_the_own_cgroup_is_believed(tmp_path: Path) -> None:
    (tmp_path / "memory.current").write_text("1000\n")
    (tmp_path / "memory.stat").write_text("anon 600\ninactive_file 300\n")
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 1000000\nuser_usec 1\n")
    usage = Usage(None, cgroup=tmp_path)
    assert usage.memory() == (700, 5000)
    (tmp_path / "cpu.stat").write_text("usage_usec 1000000000\n")
    assert usage.cpu() > 0


def test_version_one_is_understood(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.usage_in_bytes").write_text("1000\n")
    (tmp_path / "memory" / "memory.stat").write_text("total_inactive_file 100\n")
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("4096\n")
    assert Usage(None, cgroup=tmp_path).memory() == (900, 4096)


def test_without_limits_the_machine_s_cgroup_is_not_taken_for_the_job_s(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.usage_in_bytes").write_text(str(1 << 50))
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    used, limit = Usage(None, cgroup=tmp_path).memory()
    assert limit is None
    assert 0 < used < 1 << 45


def test_children_count_and_strangers_do_not(tmp_path: Path) -> None:
    usage = Usage(123, cgroup=tmp_path)
    before, limit = usage.memory()
    assert limit == 123
    words = [sys.executable, "-c", "x = bytearray(80 << 20); print(1, flush=True); input()"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert usage.memory()[0] - before > 70 << 20
        child.kill()
    assert os.getpid() in usage._processes()
    assert 1 not in usage._processes() or os.getppid() == 1
