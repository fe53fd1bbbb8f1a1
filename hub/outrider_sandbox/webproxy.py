"""An HTTP proxy for one sandbox: CONNECT, and plain requests with an absolute address, one for each connection.

What it is sent comes from a stranger. Everything is bounded: connections, the size of a head, each wait, and what is
held in memory. Names are resolved once, and the addresses found are checked and then connected to, so a name that
changes its meaning in between gains nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from . import http_head
from .http_head import BadRequest, Request
from .reach import Place, Reach, Refused
from .spec import Spec

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_CHUNK: Final = 1 << 15
_ANSWER_S: Final = 10.0
_LINGER_S: Final = 1.0
_LOOKUPS: Final = 16


@dataclass(frozen=True)
class Limits:
    """What one sandbox may use. Times in seconds, the head in bytes; `idle_s` without a byte in either direction."""

    connections: int = 128
    head: int = 1 << 15
    head_s: float = 30.0
    connect_s: float = 30.0
    idle_s: float = 900.0


def run(listener: socket.socket, spec: Spec) -> None:
    """Serve until killed."""
    asyncio.run(_serve(listener, spec))


async def _serve(listener: socket.socket, spec: Spec) -> None:
    # Threads that wait for the resolver; asyncio's own number is that of the processors, and a lookup can hang.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_LOOKUPS))
    server = await start(listener, Reach(spec.web, spec.closed_networks), Limits())
    await server.serve_forever()


async def start(listener: socket.socket, reach: Reach, limits: Limits) -> asyncio.Server:
    """The proxy on a socket that listens already."""
    return await asyncio.start_server(_Proxy(reach, limits).handle, sock=listener, limit=limits.head)


class _Proxy:
    def __init__(self, reach: Reach, limits: Limits) -> None:
        self._reach = reach
        self._limits = limits
        self._open = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client. Nothing that it does affects another."""
        self._open += 1  # until all of it is closed: what a slow peer has yet to take is held in memory
        far: asyncio.StreamWriter | None = None
        try:
            request = await self._request(reader)
            far_reader, far = await self._connect(request)
            if request.tunnel:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await self._pass(request, (reader, writer), (far_reader, far))
        except Refused as refused:
            await _refuse(reader, writer, refused)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client is gone
        except Exception:
            traceback.print_exc()
        finally:
            for each in (writer, far):
                if each is not None:
                    await _close(each)
            self._open -= 1

    async def _request(self, reader: asyncio.StreamReader) -> Request:
        if self._open > self._limits.connections:
            raise Refused(503, "Too many connections at once through this sandbox's proxy.")
        try:
            async with asyncio.timeout(self._limits.head_s):
                return http_head.parse(await reader.readuntil(b"\r\n\r\n"))
        except asyncio.LimitOverrunError:
            raise Refused(431, "The head of this request is too long.") from None
        except TimeoutError:
            raise Refused(408, "The request did not arrive in time.") from None
        except BadRequest as error:
            raise Refused(400, str(error)) from None

    async def _connect(self, request: Request) -> Streams:
        """A connection on which the request's bytes may follow: for a tunnel as they come, otherwise with the head
        already sent."""
        place = f"{request.host}:{request.port}"
        try:
            async with asyncio.timeout(self._limits.connect_s):
                through = await self._reach.place(request.host, request.port, tunnel=request.tunnel)
                return await self._begin(request, through)
        except TimeoutError:
            raise Refused(504, f"{place} did not answer in time.") from None
        except socket.gaierror as error:
            raise Refused(502, f"{request.host} was not found: {error.strerror}.") from None
        except (OSError, asyncio.IncompleteReadError) as error:
            why = getattr(error, "strerror", None) or "it hung up"
            raise Refused(502, f"{place} could not be reached: {why}.") from None

    async def _begin(self, request: Request, through: Place) -> Streams:
        far_reader, far = await _open(through, self._limits.head)
        try:
            if not request.tunnel:
                far.write(request.head(absolute=through.proxy, more=through.login))
                await far.drain()
            elif through.proxy:
                await self._ask_for_tunnel(request, through, far_reader, far)
        except BaseException:
            far.transport.abort()
            raise
        return far_reader, far

    async def _ask_for_tunnel(
        self, request: Request, through: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        lines = [b"CONNECT " + request.authority + b" HTTP/1.1", b"Host: " + request.authority]
        lines += [name + b": " + value for name, value in through.login]
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
        await writer.drain()
        try:
            status = http_head.status(await reader.readuntil(b"\r\n\r\n"))
        except asyncio.LimitOverrunError:
            status = None
        if status is None or not 200 <= status < 300:
            said = f"answers {status}" if status else "does not answer as a proxy does"
            raise Refused(502, f"This network's own proxy {said} for {request.host}:{request.port}.")

    async def _pass(self, request: Request, near: Streams, far: Streams) -> None:
        """Both directions until both have ended, one breaks, or nothing comes for too long."""
        loop, idle_s = asyncio.get_running_loop(), self._limits.idle_s
        try:
            async with asyncio.timeout(idle_s) as idle:

                def alive() -> None:
                    idle.reschedule(loop.time() + idle_s)

                async with asyncio.TaskGroup() as both:
                    if request.tunnel:
                        both.create_task(_pump(near[0], far[1], alive))
                        both.create_task(_pump(far[0], near[1], alive))
                    else:
                        # Not beyond the body: what follows it may be meant for another server.
                        sending = both.create_task(_pump(near[0], far[1], alive, request.body, end=False))
                        await _pump(far[0], near[1], alive)
                        sending.cancel()
        except* OSError:
            pass  # one of the two is gone, or both have been silent for too long


async def _open(through: Place, limit: int) -> Streams:
    """To the first of the addresses that answers. Raises the last one's OSError."""
    last = OSError("there is no address")
    for host in through.addresses:
        try:
            return await asyncio.open_connection(
                host, through.port, limit=limit, ssl=through.tls, server_hostname=through.name if through.tls else None
            )
        except OSError as error:
            last = error
    raise last


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    alive: Callable[[], None],
    most: int | None = None,
    *,
    end: bool = True,
) -> None:
    """One direction until its end, which is passed on if `end`, or until `most` bytes. Holds one chunk."""
    while most is None or most > 0:
        data = await reader.read(_CHUNK if most is None else min(_CHUNK, most))
        if not data:
            break
        alive()
        writer.write(data)
        await writer.drain()
        most = None if most is None else most - len(data)
    if end and writer.can_write_eof():
        writer.write_eof()


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, refused: Refused) -> None:
    body = f"{refused}\n".encode()
    head = f"HTTP/1.1 {refused.status} {refused.reason}\r\nContent-Type: text/plain; charset=utf-8\r\n"
    head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_ANSWER_S):
            writer.write(head.encode() + body)
            await writer.drain()
            writer.write_eof()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(0 if refused.status == 503 else _LINGER_S):
            # A close with unread data would reset the connection, and the answer would be lost.
            while await reader.read(_CHUNK):
                pass


async def _close(writer: asyncio.StreamWriter) -> None:
    """Drop what the peer does not read in time."""
    writer.close()
    try:
        async with asyncio.timeout(_ANSWER_S):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()
