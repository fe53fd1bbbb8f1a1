"""Outbound network for a sandbox's namespace: one slirp4netns process, which ends with the process that started it.

The host's loopback is out of reach (`--disable-host-loopback`), and the host's resolver resolves names. Closed
networks, by default the metadata services of clouds, get a route that leads nowhere.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from . import linux, spawn

_READY_S = 20.0
_SIOCADDRT = 0x890B
_RTF_UP, _RTF_REJECT = 0x1, 0x200


@dataclass(frozen=True)
class Namespaces:
    """Open descriptors of a sandbox's network namespace and of the user namespace that owns it."""

    pid: int
    network: int
    user: int

    def close(self) -> None:
        os.close(self.network)
        os.close(self.user)


def open_namespaces(pid: int) -> Namespaces:
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    return Namespaces(pid, network, linux.user_namespace_of(network))


def join(namespaces: Namespaces) -> None:
    """Move the calling process, which must have one thread, into the sandbox's network."""
    linux.setns(namespaces.user, linux.CLONE_NEWUSER)
    linux.setns(namespaces.network, linux.CLONE_NEWNET)


def listen_inside(namespaces: Namespaces, port: int) -> socket.socket:
    """A socket that listens on the sandbox's loopback. It belongs to that namespace, whichever process accepts from it.
    Raises OSError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    with ours:
        pid = os.fork()
        if pid == 0:
            _send_listener(namespaces, port, theirs)
        theirs.close()
        ours.settimeout(_READY_S)
        try:
            said, descriptors, _, _ = socket.recv_fds(ours, 4096, 1)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    if not descriptors:
        raise OSError(said.decode(errors="replace") or "the sandbox's network could not be joined")
    return socket.socket(fileno=descriptors[0])


def _send_listener(namespaces: Namespaces, port: int, channel: socket.socket) -> NoReturn:
    try:
        join(namespaces)
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        socket.send_fds(channel, [b"s"], [listener.fileno()])
    except BaseException as error:
        channel.send(f"the sandbox's network cannot be used: {error}".encode()[:4000])
    finally:
        os._exit(0)


class Closing:
    """A process that joins the namespace and closes networks there. Nothing inside has the capability to undo it."""

    def __init__(self, namespaces: Namespaces, networks: Sequence[str]) -> None:
        routes = [_route_to_nowhere(network) for network in networks]
        self.pid = os.fork()
        if self.pid == 0:
            try:
                join(namespaces)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inside:
                    for route in routes:
                        fcntl.ioctl(inside, _SIOCADDRT, route)
                os._exit(0)
            except BaseException as error:
                spawn.fail(f"networks could not be closed: {error}", error)

    def wait(self) -> None:
        _, status = os.waitpid(self.pid, 0)
        if status != 0:
            raise OSError("the sandbox's closed networks could not be closed")


def _route_to_nowhere(network: str) -> bytes:
    """The `struct rtentry` of <linux/route.h> on a 64-bit machine: destination, gateway, mask, flags."""

    def address(packed: bytes) -> bytes:
        return struct.pack("=HH4s8x", socket.AF_INET, 0, packed)

    start, _, bits = network.partition("/")
    mask = (0xFFFFFFFF << (32 - int(bits or 32))) & 0xFFFFFFFF
    addresses = address(socket.inet_aton(start)) + address(bytes(4)) + address(mask.to_bytes(4, "big"))
    return struct.pack("@Q48sHhQQh6xQQQHxx4x", 0, addresses, _RTF_UP | _RTF_REJECT, 0, 0, 0, 0, 0, 0, 0, 0)


class Slirp:
    """slirp4netns, and the pipe that ends it when closed."""

    def __init__(self, namespaces: Namespaces, output: int | None = None) -> None:
        self._ready, ready = os.pipe()
        leash, self._leash = os.pipe()
        user, network = f"/proc/self/fd/{namespaces.user}", f"/proc/{namespaces.pid}/ns/net"
        words = ["slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", "--netns-type=path"]
        words += [f"--userns-path={user}", f"--ready-fd={ready}", f"--exit-fd={leash}", network, "tap0"]
        self.pid = spawn.start(words, output=output, keep=[namespaces.user, ready, leash])
        if output is not None:
            os.close(output)
        os.close(ready)
        os.close(leash)

    def wait_until_ready(self) -> None:
        try:
            readable, _, _ = select.select([self._ready], [], [], _READY_S)
            if not readable:
                raise OSError(f"slirp4netns was not ready after {_READY_S:.0f} s")
            if not os.read(self._ready, 1):
                raise OSError("slirp4netns could not attach to the sandbox's network namespace")
        finally:
            os.close(self._ready)

    def close(self) -> None:
        os.close(self._leash)
