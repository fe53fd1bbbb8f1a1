"""Receives the supervisors' wake-ups: a datagram socket on which they announce changes of logs and states.

A lost message costs time, never correctness: whoever waits also polls from time to time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from outrider_sandbox import short_path

from ...signals import Signals

MOST_WAITING = 10_000


class Wakes:
    """The receiving end. ``signals`` counts changes by sandbox id; ``states()`` yields the ids whose state changed."""

    def __init__(self, run: Path) -> None:
        self.path = run / "notify.sock"
        self.signals = Signals()
        self._states: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self._socket: socket.socket | None = None

    def open(self) -> None:
        if self._socket is not None:
            return
        self.path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        with short_path(self.path) as path:
            self._socket.bind(path)
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
