"""The specification of one sandbox (what to run, and what it may see) and its form on disk.

Pure data. The environment holds secrets, so the file has mode 0600.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

CLOSED_NETWORKS = ("169.254.0.0/16", "100.100.100.200/32")
"""Addresses of clouds' metadata services, which give a machine its credentials."""

Isolation = Literal["bubblewrap", "plain"]
Network = Literal["full", "web", "none"]
"""What a sandbox can reach outside: everything, HTTP and HTTPS through a proxy, or nothing."""


MemoryLimit = Literal["cgroup", "sampling"]
"""What enforces the memory limit: the kernel, or the supervisor, which looks at the processes twice a second."""


@dataclass(frozen=True)
class Mount:
    """A file or directory of the host that appears inside at `target`."""

    source: str
    target: str
    read_only: bool = True


@dataclass(frozen=True)
class Web:
    """Settings of the web proxy: `hosts` (`mirror`, `10.0.0.5:3141`) can be reached whatever their address is; the
    proxies are those that lead out of this network."""

    hosts: list[str] = field(default_factory=list)
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""


@dataclass(frozen=True)
class Spec:
    """One command and its surroundings. Paths in `argv`, `cwd` and `home` are those inside the sandbox."""

    id: str
    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)
    cwd: str = "/"
    isolation: Isolation = "bubblewrap"
    mounts: list[Mount] = field(default_factory=list)
    home: str = "/home/user"
    memory_bytes: int | None = None
    memory_limit: MemoryLimit = "cgroup"  # sampling, too, if no cgroup can be made after all
    oom_kills_all: bool = True  # above the memory limit: kill everything, or only the largest process
    shm_bytes: int | None = None
    max_processes: int | None = None  # processes and threads at one time
    cpu: float | None = None  # the share of processors when others need them too
    uid: int | None = None  # the host's uid that it runs as; None: the launching process's
    disable_userns: bool = False  # whether bwrap forbids user namespaces inside, as the system call filter does
    gpu_devices: list[str] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    host_ports: dict[int, int] = field(default_factory=dict)
    let_in: dict[int, str] = field(default_factory=dict)
    network: Network = "full"
    web: Web = field(default_factory=Web)
    closed_networks: list[str] = field(default_factory=lambda: list(CLOSED_NETWORKS))
    grace_s: float = 10.0
    notify: str | None = None


def processes_for(cpu: float) -> int:
    """How many processes and threads a sandbox with so many processors may have: room for libraries that start a thread
    for each processor of the machine, none for a fork bomb."""
    return 1024 + round(512 * cpu)


def encode(spec: Spec) -> bytes:
    return json.dumps(asdict(spec)).encode()


def decode(data: bytes) -> Spec:
    raw: dict[str, Any] = json.loads(data)
    raw["mounts"] = [Mount(**mount) for mount in raw["mounts"]]
    raw["host_ports"] = {int(outside): inside for outside, inside in raw["host_ports"].items()}
    raw["let_in"] = {int(inside): address for inside, address in raw["let_in"].items()}
    raw["web"] = Web(**raw.get("web", {}))
    # Written by a release that knew only all or nothing.
    raw["network"] = {True: "full", False: "none"}.get(raw["network"], raw["network"])
    return Spec(**raw)


def check(spec: Spec) -> None:
    """Raise ValueError for a specification that could never start, before anything is on disk."""
    if not spec.argv or not all(isinstance(word, str) for word in spec.argv):
        raise ValueError("argv: a sandbox needs a command")
    if any("\0" in word for word in [*spec.argv, *spec.env, *spec.env.values(), spec.cwd, spec.home]):
        raise ValueError("a NUL character cannot be passed to a command")
    for name in spec.env:
        if not (name.isascii() and name.isidentifier()):  # the shell that starts the command drops others
            raise ValueError(f"env: {name!r} is not a name for a variable")
    if spec.isolation not in ("bubblewrap", "plain"):
        raise ValueError(f"isolation: {spec.isolation!r} is neither 'bubblewrap' nor 'plain'")
    for name, value, known in (
        ("network", spec.network, get_args(Network)),
        ("memory_limit", spec.memory_limit, get_args(MemoryLimit)),
    ):
        if value not in known:
            raise ValueError(f"{name}: {value!r} is none of {', '.join(known)}")
    for mount in spec.mounts:
        if not mount.source.startswith("/") or not mount.target.startswith("/"):
            raise ValueError(f"mounts: {mount.source} → {mount.target}: both must be absolute")
    if spec.uid is not None and not 0 < spec.uid < 2**32 - 1:
        raise ValueError(f"uid: {spec.uid} is none that a sandbox may have")
    if spec.isolation == "bubblewrap":
        _check_places(spec.mounts)
    check_networks(spec.closed_networks)
    for port in [*spec.ports, *spec.host_ports, *spec.host_ports.values(), *spec.let_in]:
        if not 0 < port < 65536:
            raise ValueError(f"ports: {port} is not a port")


def check_networks(networks: Sequence[str]) -> None:
    """Raise ValueError for a text that is not an IPv4 network such as 10.0.0.0/8."""
    from ipaddress import IPv4Network  # slow to load, and the supervisor does not need it

    for network in networks:
        try:
            IPv4Network(network)
        except ValueError as error:
            raise ValueError(f"closed_networks: {error}") from error


def _check_places(mounts: list[Mount]) -> None:
    """Raise ValueError for a mount below a writable one: bwrap follows links in targets while it can still reach the
    whole host."""
    for above in (mount.target for mount in mounts if not mount.read_only):
        for mount in mounts:
            if mount.target.startswith(above.rstrip("/") + "/"):
                raise ValueError(f"mounts: {mount.target} lies below {above}, where the command could put a link")


def inner_ports(spec: Spec) -> list[int]:
    """The ports inside that can be reached from outside."""
    return sorted({*spec.ports, *spec.host_ports.values()})
