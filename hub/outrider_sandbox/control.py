"""Launch, look at, stop and remove a sandbox by its directory.

Every call can be repeated by any process at any time, even if its caller was killed half-way, because all state is in
the directory. The lock passes from the launching process to the supervisor with its descriptor, so no second
launch can come between.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from . import files, linux, processes
from .descent import remove_tree
from .spec import Spec, check, decode, encode

Phase = Literal["absent", "starting", "running", "exited", "lost"]
Reason = Literal["exited", "out_of_memory", "stopped", "error", "node_lost"]

# The supervisor starts without site-packages (-S, -I). It forks first, so its caller does not wait, and replaces this
# package by an empty one, so it loads only the modules that it needs.
_BOOT = """
import os, sys
if os.fork():
    os._exit(0)
package = type(sys)("outrider_sandbox")
package.__path__ = [sys.argv[1]]
sys.modules["outrider_sandbox"] = package
from outrider_sandbox.supervisor import main
main(sys.argv[2], int(sys.argv[3]))
"""


_LET_GO_S = 10.0


class StillRunning(RuntimeError):
    """The sandbox has not ended, so it cannot be removed."""


@dataclass(frozen=True)
class State:
    """The state of a sandbox. Times are in seconds since 1970; `pid` is the supervisor's, `child_pid` that of pid 1
    inside."""

    phase: Phase
    exit_code: int | None = None
    signal: int | None = None
    reason: Reason | None = None
    message: str | None = None
    created_at: float | None = None
    network_ready_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    pid: int | None = None
    child_pid: int | None = None

    @property
    def ended(self) -> bool:
        return self.phase in ("exited", "lost")


_TIME = (float, int)
_LARGEST = 2**53
_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("exit_code", "signal", "pid", "child_pid"), (int,)),
    **dict.fromkeys(("reason", "message"), (str,)),
    **dict.fromkeys(("created_at", "network_ready_at", "started_at", "finished_at"), _TIME),
}


def launch(folder: str | Path, spec: Spec) -> None:
    """Start the command unless it was started before. Returns once a supervisor has taken over. Raises ValueError for a
    specification that can never work, and OSError."""
    folder = Path(folder).absolute()
    check(spec)
    if folder.resolve().is_relative_to("/usr"):
        raise ValueError(f"{folder}: sandboxes see all of /usr, so their state must not lie there")
    lock = os.open(folder / files.LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not linux.try_lock(lock) or (folder / files.STATUS).exists():
            return
        if not _has_spec(folder):  # an earlier launch may have got this far; its specification stays
            files.write_atomically(folder / files.SPEC, encode(spec))
        _spawn_supervisor(folder, lock)
    finally:
        os.close(lock)


def _has_spec(folder: Path) -> bool:
    try:
        read_spec(folder)
    except (FileNotFoundError, ValueError, TypeError, KeyError):  # a power failure can leave an empty file
        return False
    return True


def _spawn_supervisor(folder: Path, lock: int) -> None:
    log = os.open(folder / files.SUPERVISOR_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        code = str(Path(__file__).parent)
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _BOOT, code, str(folder), str(lock)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            pass_fds=[lock],
            start_new_session=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(log)
    if done.returncode != 0:
        raise OSError(f"the supervisor did not start; see {folder / files.SUPERVISOR_LOG}")


def state(folder: str | Path) -> State:
    folder = Path(folder)
    for _ in range(2):
        status = files.read_json(folder / files.STATUS)
        if status is not None and status.get("phase") == "exited":
            return _state("exited", status)
        if linux.is_locked(folder / files.LOCK):
            running = status is not None and status.get("phase") == "running"
            return _state("running" if running else "starting", status)
        # The supervisor may have recorded the end and released the lock in between: look again.
    if status is None and not (folder / files.STATUS).exists():
        return State("absent")
    return _lost(status or {})


def version(folder: str | Path) -> tuple[int, int] | None:
    """A value that changes whenever the recorded state does, much cheaper than `state`. It does not change when a
    supervisor is killed. None before there is a record."""
    try:
        status = (Path(folder) / files.STATUS).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_ino, status.st_mtime_ns


def _state(phase: Phase, status: dict[str, Any] | None) -> State:
    """The record, without values of a wrong type: a damaged file must not raise."""
    return State(phase, **{k: v for k, v in (status or {}).items() if k in _KINDS and _fits(v, _KINDS[k])})


def _fits(value: object, kind: tuple[type, ...]) -> bool:
    # JSON numbers can be NaN or larger than any float, and in Python True is a number.
    number = not isinstance(value, int | float) or abs(value) <= _LARGEST
    return isinstance(value, kind) and not isinstance(value, bool) and number


def _lost(status: dict[str, Any]) -> State:
    if status.get("boot_id") != linux.boot_id():
        reason, message = "node_lost", "The machine was restarted while this was running."
    else:
        reason, message = (
            "error",
            "The supervisor process ended without recording how; the command was killed.",
        )
    return _state("lost", {**status, "reason": reason, "message": message})


def request_stop(folder: str | Path, grace_s: float | None = None) -> None:
    """Ask the sandbox to end: SIGTERM, and SIGKILL after the grace period in seconds (by default the specification's).
    A later request can shorten the grace period but not lengthen it. After a request made before the launch, the
    launch ends at once."""
    folder = Path(folder)
    with contextlib.suppress(FileNotFoundError):
        files.write_atomically(folder / files.STOP, json.dumps({"grace_s": grace_s}).encode())
        _wake(folder)


def _wake(folder: Path) -> None:
    try:
        fifo = os.open(folder / files.WAKE, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return  # no supervisor yet, which will find the file, or no supervisor any more
    try:
        with contextlib.suppress(OSError):
            os.write(fifo, b"\n")
    finally:
        os.close(fifo)


def remove(folder: str | Path) -> None:
    """Delete the directory of a sandbox that has ended or never started. The status goes last, so a sandbox whose
    removal was killed half-way still counts as ended. Raises StillRunning and OSError."""
    folder = Path(folder).absolute()
    try:
        lock = os.open(folder / files.LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return
    try:
        if not _lock_ended(folder, lock):
            raise StillRunning(f"{folder}: stop it first")
        _end_leftovers(folder)
        for entry in list(folder.iterdir()):
            if entry.name not in (files.STATUS, files.LOCK):
                remove_tree(entry)
        for name in (files.STATUS, files.LOCK):
            (folder / name).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            folder.rmdir()
    finally:
        os.close(lock)


def _end_leftovers(folder: Path) -> None:
    """Kill what a supervisor can leave if it is killed during the setup: one half of a bwrap, which waits for the other
    for ever. It is known by the output pipe, which only it has open."""
    status = files.read_json(folder / files.STATUS) or {}
    pipe = status.get("output_pipe")
    if pipe and status.get("phase") != "exited" and status.get("boot_id") == linux.boot_id():
        processes.kill_holders(pipe)


def _lock_ended(folder: Path, lock: int) -> bool:
    """Take the lock if the sandbox has ended. Its supervisor may need a moment more to release it."""
    deadline = time.monotonic() + _LET_GO_S
    while not linux.try_lock(lock):
        if not state(folder).ended or time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def connect_path(folder: str | Path, port: int) -> str:
    """The unix socket that leads to a port inside. Its path may be longer than an address can hold (108 bytes): use
    `short_path`."""
    return str(Path(folder) / files.PORTS / f"{port}.sock")


def read_spec(folder: str | Path) -> Spec:
    return decode((Path(folder) / files.SPEC).read_bytes())
