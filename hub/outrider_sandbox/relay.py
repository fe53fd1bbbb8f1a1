"""Ports of a sandbox, in and out: one process that has joined the sandbox's network namespace.

It stays in the host's mount namespace, so it can listen on unix sockets in the sandbox's directory and
connect inside:

    ports/<port>.sock, 127.0.0.1:<host port> outside    →  127.0.0.1:<port> (or ::1) inside
    127.0.0.1:<port> inside                             →  an address outside, by `let_in`

A socket belongs to the namespace in which it was made: listeners outside are made before the process joins,
and for each connection out the supervisor hands over a fresh socket through a channel. The channel's end is
the relay's end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from . import files, linux, network, spawn
from .network import Namespaces
from .spec import Spec, inner_ports

if TYPE_CHECKING:
    import asyncio

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
    Connect = Callable[[], Awaitable[Streams]]

_READY = b"ready"
_READY_S = 20.0
_CONNECT_S = 30.0
_CHUNK = 1 << 16
_FAMILIES = {b"4": socket.AF_INET, b"6": socket.AF_INET6}


class Relay:
    """The supervisor's side."""

    def __init__(self, folder: Path, spec: Spec, namespaces: Namespaces | None) -> None:
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        self.pid = os.fork()
        if self.pid == 0:
            _run(folder, spec, namespaces, theirs)
        theirs.close()

    def wait_until_ready(self) -> None:
        readable, _, _ = select.select([self.channel], [], [], _READY_S)
        answer = self.channel.recv(4096) if readable else b"the relay for ports was not ready in time"
        if answer != _READY:
            raise OSError(answer.decode(errors="replace") or "the relay for ports ended")

    def serve(self) -> bool:
        """Hand over one socket of the host's network. False when the relay is gone."""
        try:
            family = _FAMILIES.get(self.channel.recv(16))
            if family is None:
                return False
            with socket.socket(family, socket.SOCK_STREAM) as made:
                socket.send_fds(self.channel, [b"s"], [made.fileno()], socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True

    def close(self) -> None:
        self.channel.close()


def needed(spec: Spec) -> bool:
    return bool(spec.ports or spec.host_ports or spec.let_in)


def _run(folder: Path, spec: Spec, namespaces: Namespaces | None, channel: socket.socket) -> NoReturn:
    try:
        spawn.default_signals()
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        spawn.close_all_but([channel.fileno(), *([namespaces.network, namespaces.user] if namespaces else [])])
        listeners = _listen_outside(folder, spec, plain=namespaces is None)
        addresses = {port: _resolve(address) for port, address in spec.let_in.items()}
        if namespaces is not None:
            network.join(namespaces)
        inside = _listen_inside(spec, plain=namespaces is None)
        linux.die_with_parent(signal.SIGKILL)  # only now: joining a user namespace resets it
        channel.send(_READY)
    except BaseException as error:
        with contextlib.suppress(OSError):
            channel.send(str(error).encode()[:4000] or b"?")
        os._exit(1)
    try:
        import asyncio  # after everything listens: its import takes longer than all of the above

        asyncio.run(_serve(listeners, inside, addresses, channel))
    except BaseException:
        spawn.print_error()
    finally:
        os._exit(0)


def _listen_outside(folder: Path, spec: Spec, plain: bool) -> list[tuple[socket.socket, int]]:
    found = []
    for port in inner_ports(spec):
        path = folder / files.PORTS / f"{port}.sock"
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with linux.short_path(path) as short:
            listener.bind(short)
        found.append((listener, port))
    for outside, port in spec.host_ports.items():
        if plain and outside == port:
            continue  # the command listens there itself
        found.append((_tcp_listener(outside), port))
    for listener, _ in found:
        listener.listen(128)
    return found


def _listen_inside(spec: Spec, plain: bool) -> dict[int, socket.socket]:
    found = {}
    for port in spec.let_in:
        if plain and spec.let_in[port].rpartition(":")[2] == str(port):
            continue  # without a network namespace the address is what it says already
        found[port] = _tcp_listener(port)
        found[port].listen(128)
    return found


def _tcp_listener(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        raise OSError(f"port {port} on 127.0.0.1: {error.strerror}") from error
    return listener


def _resolve(address: str) -> tuple[bytes, tuple[str, int]]:
    host, _, port = address.rpartition(":")
    family, _, _, _, found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
    return (b"6" if family == socket.AF_INET6 else b"4"), (str(found[0]), int(found[1]))


async def _serve(
    listeners: list[tuple[socket.socket, int]],
    inside: dict[int, socket.socket],
    addresses: dict[int, tuple[bytes, tuple[str, int]]],
    channel: socket.socket,
) -> None:
    import asyncio

    donor = _Donor(channel)
    servers = []
    for listener, port in listeners:
        start = asyncio.start_unix_server if listener.family == socket.AF_UNIX else asyncio.start_server
        servers.append(await start(_forward(_to_inside(port)), sock=listener, limit=_CHUNK))
    for port, listener in inside.items():
        handler = _forward(donor.connect(*addresses[port]))
        servers.append(await asyncio.start_server(handler, sock=listener, limit=_CHUNK))
    await donor.gone.wait()


def _to_inside(port: int) -> Connect:
    import asyncio

    async def connect() -> Streams:
        try:
            return await asyncio.open_connection("127.0.0.1", port, limit=_CHUNK)
        except ConnectionRefusedError:
            return await asyncio.open_connection("::1", port, limit=_CHUNK)

    return connect


class _Donor:
    """Sockets of the host's network, asked of the supervisor one at a time."""

    def __init__(self, channel: socket.socket) -> None:
        import asyncio

        self.gone = asyncio.Event()
        self._channel = channel
        self._waiting: list[asyncio.Future[socket.socket]] = []
        channel.setblocking(False)
        asyncio.get_running_loop().add_reader(channel, self._receive)

    def _receive(self) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(self._channel, 16, 4)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        if not data:
            self.gone.set()
        for fd in fds:
            sock = socket.socket(fileno=fd)
            sock.setblocking(False)
            if self._waiting and not (future := self._waiting.pop(0)).done():
                future.set_result(sock)
            else:
                sock.close()  # whoever asked for it has given up

    def connect(self, family: bytes, address: tuple[str, int]) -> Connect:
        import asyncio

        async def connect() -> Streams:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[socket.socket] = loop.create_future()
            self._channel.send(family)
            self._waiting.append(future)
            sock = await future
            try:
                await loop.sock_connect(sock, address)
                return await asyncio.open_connection(sock=sock, limit=_CHUNK)
            except BaseException:
                sock.close()
                raise

        return connect


def _forward(connect: Connect) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    import asyncio

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.wait_for(connect(), _CONNECT_S)
        except (OSError, TimeoutError):
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        except OSError:
            for each in (writer, far_writer):
                each.transport.abort()
        finally:
            for each in (writer, far_writer):
                each.close()

    return handle


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction, until its end, which is passed on while the other direction goes on. Holds one chunk."""
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
