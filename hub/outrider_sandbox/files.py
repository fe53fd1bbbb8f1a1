"""The files in a sandbox's directory. They are replaced atomically, so readers never see half of one.

spec.json     what to run (0600: it holds secrets)
lock          held by the supervisor while it lives
status.json   the state; only the supervisor writes it
stop          a stop was asked for: {"grace_s": seconds or null}
wake          a FIFO that wakes the supervisor
log           the command's output
ports/        unix sockets that lead to ports inside
etc/          the sandbox's /etc
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

SPEC = "spec.json"
LOCK = "lock"
STATUS = "status.json"
STOP = "stop"
WAKE = "wake"
LOG = "log"
PORTS = "ports"
ETC = "etc"
SUPERVISOR_LOG = "supervisor.log"
_RESERVE = "status.reserve"
_STATUS_SIZE = 4096


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


class StatusFile:
    """Writes status.json into blocks that were allocated before, so the end is recorded even if a job filled the
    disk."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / STATUS
        self._reserve = folder / _RESERVE

    def write(self, status: dict[str, Any]) -> None:
        data = json.dumps(status, separators=(",", ":")).encode()
        fd = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _write_all(fd, data.ljust(_STATUS_SIZE))
        finally:
            os.close(fd)
        self._reserve.replace(self._path)
        self._set_aside()

    def _set_aside(self) -> None:
        with contextlib.suppress(OSError):
            fd = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _write_all(fd, b" " * _STATUS_SIZE)
            finally:
                os.close(fd)

    def finish(self, status: dict[str, Any]) -> None:
        """Write for the last time, and give the reserve back."""
        self.write(status)
        with contextlib.suppress(OSError):
            self._reserve.unlink()

    def sync(self) -> None:
        """Make the last write survive a power failure."""
        for path in (self._path, self._path.parent):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None if the file is missing or damaged (as a power failure can leave it)."""
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
