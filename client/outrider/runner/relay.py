"""Lets a platform reach ports on which a job's programs listen on the loopback only, as most do.

A process of its own, so that what passes through costs the runner nothing; it ends with the runner.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from typing import Any, Callable, Coroutine, Dict

_PR_SET_PDEATHSIG = 1
_PIECE = 1 << 16


def start(ports: Dict[int, int]) -> None:
    """Listen on the outer ports of all addresses; pass connections on to the inner ports of the loopback."""
    if os.fork():
        return
    try:
        # The parent's handlers and descriptors are of no use here.
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setpgid(0, 0)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        asyncio.run(_serve(ports))
    finally:
        os._exit(1)


async def _serve(ports: Dict[int, int]) -> None:
    servers = [await asyncio.start_server(_passing_on(inner), "", outer) for outer, inner in ports.items()]
    await asyncio.gather(*(server.serve_forever() for server in servers))


def _passing_on(inner: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await _connect(inner)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, back), _pump(there, writer))
        for side in (writer, back):
            side.close()

    return handle


async def _connect(port: int) -> "tuple[asyncio.StreamReader, asyncio.StreamWriter]":
    try:
        return await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return await asyncio.open_connection("::1", port)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            data = await reader.read(_PIECE)
            if not data:
                break
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()
