"""The cluster's daemons: started apart from whoever starts them, found again by their pid files, ended in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .places import state


def wait_for(what: str, ready: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something holds. Raises TimeoutError that names it."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} after {seconds:.0f} s")
        time.sleep(0.1)


def start(name: str, command: Sequence[str | Path], env: dict[str, str] | None = None) -> None:
    """Start a daemon that outlives this process; its output goes to <state>/logs/<name>.log."""
    logs = state() / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env={**os.environ, **(env or {})},
        )
    (state() / "pids").mkdir(exist_ok=True)
    (state() / "pids" / name).write_text(f"{process.pid} {_born(process.pid)}")


def running(name: str) -> int | None:
    """The pid of a daemon that lives, or None."""
    try:
        pid, born = (state() / "pids" / name).read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if _born(int(pid)) == born else None


def stop(name: str, seconds: float = 15.0) -> None:
    """End a daemon, by force if need be."""
    pid = running(name)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            wait_for(name, lambda: running(name) is None, seconds)
        if running(name) is not None:
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(FileNotFoundError):
        (state() / "pids" / name).unlink()


def send(name: str, number: signal.Signals) -> None:
    """Send a signal to a daemon."""
    pid = running(name)
    if pid is None:
        raise RuntimeError(f"{name} does not run")
    os.kill(pid, number)


def _born(pid: int) -> str:
    """When a process began: a pid may be used again. "" for none, and for one that has ended but was not waited for."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
