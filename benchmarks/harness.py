"""What the benchmarks share: a temporary directory, a real Hub, services, helper processes and their figures."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.integration.harness import HubProcess, ServiceProcess, eventually, sandbox_processes

REPOSITORY = Path(__file__).resolve().parents[1]
IMAGES = [{"name": "python", "title": "Python"}]
TINY = {"name": "tiny", "cpu": 0.01, "memory_mb": 64}
"""A machine type of which the local platform has room for many."""
ONLY_HELD = {"name": "only", "cpu": 1, "memory_mb": 64}
"""A machine type of which there is one, for queues that must not move."""
TICKS = os.sysconf("SC_CLK_TCK")


def catalog(*machines: dict[str, Any], cpu: float = 64, **limits: Any) -> dict[str, Any]:
    """A catalog with these machine types; ``limits`` are everybody's."""
    return {
        "images": IMAGES,
        "machines": list(machines) or [TINY],
        "limits": {"default": {"max_pending": 1_000_000, **limits}},
        "local": {"cpu": cpu, "memory_mb": 2**20},
    }


class Bench:
    """Everything that a run of the benchmarks starts, ended again by ``close``. ``short_jobs``: how many the cluster
    is given at once."""

    def __init__(self, short_jobs: int = 500) -> None:
        self.short_jobs = short_jobs
        self.folder = Path(tempfile.mkdtemp(prefix="outrider-bench-"))
        self._hub: HubProcess | None = None
        self._homes = 0

    @property
    def hub(self) -> HubProcess:
        """JupyterHub with alice and carol (the group "team"), bob, and root, the admin; started when first needed."""
        if self._hub is None:
            self._hub = HubProcess(self.folder / "hub")
            self._hub.start()
        return self._hub

    def new_home(self) -> Path:
        """A fresh state directory for a service."""
        self._homes += 1
        home = self.folder / f"home{self._homes}"
        home.mkdir(mode=0o700)
        return home

    @contextlib.contextmanager
    def service(self, home: Path | None = None, **options: Any) -> Iterator[ServiceProcess]:
        """A running service, ended with all of its sandboxes."""
        process = ServiceProcess(self.hub, home or self.new_home(), auth_cache=10, **options)
        try:
            yield process.start()
        finally:
            process.clean()
            with contextlib.suppress(AssertionError):
                eventually("the sandboxes end", lambda: not sandbox_processes(process.home), 30)

    def close(self) -> None:
        if self._hub is not None:
            self._hub.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def program(module: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """A helper process ``python -m benchmarks.<module>``; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def answer(process: subprocess.Popen[bytes]) -> Any:
    """The next line that a helper prints, which is JSON."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"a helper ended with {process.wait()} and said nothing")
    return orjson.loads(line)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process used up to a moment."""

    at: float
    cpu_s: float

    @classmethod
    def of(cls, pid: int) -> Usage:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        return cls(time.monotonic(), (int(fields[11]) + int(fields[12])) / TICKS)

    def percent_since(self, before: Usage) -> float:
        """Percent of one core."""
        return 100 * (self.cpu_s - before.cpu_s) / max(1e-9, self.at - before.at)


def resident_mb(pid: int) -> float:
    """Memory that the process holds, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def pid_of(service: ServiceProcess) -> int:
    assert service.process is not None
    return service.process.pid
