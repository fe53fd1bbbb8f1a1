"""How much processor time and memory a job uses now: from its own cgroup where that is visible, else from
/proc.

In a namespace of its own every process in /proc is the job's; elsewhere those that descend from the runner
are."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Dict, List, Optional, Tuple

_TICKS = os.sysconf("SC_CLK_TCK")
_UNLIMITED = 1 << 60


class Usage:
    """Remembers the last look, since a percentage is a difference."""

    def __init__(self, limit: Optional[int], proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> None:
        self._limit = limit
        self._proc = proc
        self._cgroup = cgroup
        self._last = (time.monotonic(), self._cpu_seconds())

    def cpu(self) -> float:
        """Percent of one core since the last call."""
        then, before = self._last
        now, spent = time.monotonic(), self._cpu_seconds()
        self._last = (now, spent)
        return round(100 * max(0.0, spent - before) / max(now - then, 0.001), 1)

    def memory(self) -> "Tuple[int, Optional[int]]":
        """Bytes in use (without what the kernel would give back), and the limit."""
        used = self._cgroup_memory()
        limit = self._limit or self._cgroup_limit()
        return (self._proc_memory() if used is None else used), limit

    def _cpu_seconds(self) -> float:
        # The root of a machine's cgroups has no memory.current: only a cgroup of the job's own is believed.
        if (self._cgroup / "memory.current").exists():
            for name, value in _pairs(self._cgroup / "cpu.stat"):
                if name == "usage_usec":
                    return value / 1e6
        total = 0
        for stat in self._processes().values():
            total += sum(int(stat[i]) for i in (11, 12, 13, 14))  # own and waited-for children's, user and system
        return total / _TICKS

    def _cgroup_memory(self) -> Optional[int]:
        v2, v1 = self._cgroup / "memory.current", self._cgroup / "memory" / "memory.usage_in_bytes"
        if v2.exists():
            used, cache = _number(v2), dict(_pairs(self._cgroup / "memory.stat")).get("inactive_file", 0)
        elif self._cgroup_limit() is not None:
            used = _number(v1)
            cache = dict(_pairs(self._cgroup / "memory" / "memory.stat")).get("total_inactive_file", 0)
        else:
            return None
        return None if used is None else max(0, used - cache)

    def _cgroup_limit(self) -> Optional[int]:
        for name in ("memory.max", "memory/memory.limit_in_bytes"):
            limit = _number(self._cgroup / name)
            if limit is not None and limit < _UNLIMITED:
                return limit
        return None

    def _proc_memory(self) -> int:
        total = 0
        for pid in self._processes():
            for line in _read(self._proc / str(pid) / "status").splitlines():
                if line.startswith(("RssAnon:", "RssShmem:")):
                    total += int(line.split()[1]) * 1024
        return total

    def _processes(self) -> "Dict[int, List[str]]":
        """The fields of /proc/<pid>/stat from the state on, of each process of the job."""
        found = {}
        for entry in self._proc.iterdir():
            if entry.name.isdigit():
                fields = _read(entry / "stat").rpartition(")")[2].split()
                if len(fields) > 15:
                    found[int(entry.name)] = fields
        if os.getpid() == 1 or os.getppid() == 1:
            return found
        mine = {os.getpid()}
        while True:
            more = {pid for pid, fields in found.items() if int(fields[1]) in mine} - mine
            if not more:
                return {pid: found[pid] for pid in mine if pid in found}
            mine |= more


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _number(path: Path) -> Optional[int]:
    text = _read(path).strip()
    return int(text) if text.isdigit() else None


def _pairs(path: Path) -> "List[Tuple[str, int]]":
    pairs = []
    for line in _read(path).splitlines():
        name, _, value = line.partition(" ")
        if value.isdigit():
            pairs.append((name, int(value)))
    return pairs
