"""Outbound network for a sandbox's namespace: one slirp4netns process, which ends when its starter does.

The host's loopback is out of reach (`--disable-host-loopback`); names are resolved by the host's resolver.
"""

from __future__ import annotations

import os
import select
from dataclasses import dataclass

from . import linux, spawn

_READY_S = 20.0


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


class Slirp:
    """The helper, and the pipe whose closing ends it."""

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
