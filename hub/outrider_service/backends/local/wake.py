"""Hears from the supervisors: a datagram socket on which they say that a log or a state moved.

A message that is lost costs time, never correctness: whoever waits also looks by itself now and then.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from ...signals import Signals

LONGEST_SOCKET_PATH = 100
MOST_WAITING = 10_000


def socket_path(run: Path) -> Path:
    """A place for the socket within the 108 bytes that the kernel allows."""
    path = run / "notify.sock"
    if len(str(path).encode()) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(str(run).encode()).hexdigest()[:12]
    directory = Path(tempfile.gettempdir()) / f"outrider-{os.getuid()}-{digest}"
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.stat().st_uid != os.getuid():
        raise PermissionError(f"{directory} belongs to somebody else")
    return directory / "notify.sock"


class Wakes:
    """The listening end. ``signals`` counts up by sandbox id; ``states()`` yields the ids whose state moved."""

    def __init__(self, run: Path) -> None:
        self.path = socket_path(run)
        self.signals = Signals()
        self._states: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self._socket: socket.socket | None = None

    def open(self) -> None:
        if self._socket is not None:
            return
        self.path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(self.path))
        self.path.chmod(0o600)
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        assert self._socket is not None
        for _ in range(256):
            try:
                message = self._socket.recv(512)
            except BlockingIOError:
                return
            kind, _, sandbox = message.decode("ascii", "replace").partition(" ")
            self.signals.send(sandbox)
            if kind == "state" and not self._states.full():
                self._states.put_nowait(sandbox)

    async def states(self) -> AsyncIterator[str]:
        while True:
            yield await self._states.get()
