"""Whether this machine can run a cluster at all: asked of the machine itself, before minutes are spent on building one.

Installs missing Debian packages as root; what it tries otherwise, it takes away again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .places import cache, state
from .programs import CNI, Missing, find

DEBIAN: Final = {
    "containerd": "containerd",
    "runc": "runc",
    "etcd": "etcd-server",
    "conntrack": "conntrack",
    "iptables": "iptables",
    "dockerd": "docker.io",
    "docker-registry": "docker-registry",
    "debootstrap": "debootstrap",
    "openssl": "openssl",
    "ip": "iproute2",
}
MEMORY_GB: Final = 3
DISK_GB: Final = 12
DISK_WARM_GB: Final = 4
"""What a run takes with programs and images in the cache, and without."""


def check_root() -> None:
    if os.geteuid() != 0:
        raise Missing("a cluster of one's own needs root; or set KUBECONFIG to use another")


def check_machine() -> None:
    """Raises Missing that names the first thing this machine lacks."""
    check_root()
    if shutil.which("go") is None:
        raise Missing("Go is not installed (https://go.dev/dl)")
    _check_size()
    _install()
    name = f"outrider-{os.getpid()}"
    ip, iptables = find("ip"), find("iptables")
    _can("iptables cannot be used", iptables, "-t", "nat", "-N", name, undo=(iptables, "-t", "nat", "-X", name))
    # Names of network devices are short.
    link = f"or{os.getpid()}"
    _can("no bridge can be made", ip, "link", "add", link, "type", "bridge", undo=(ip, "link", "delete", link))
    veth = (ip, "link", "add", link, "type", "veth", "peer", "name", f"{link}p")
    _can("no virtual network devices can be made", *veth, undo=(ip, "link", "delete", link))
    _can("no namespaces can be made", "unshare", "--net", "--mount", "--pid", "--ipc", "--uts", "--fork", "true")
    _check_cgroups(name)
    _check_overlay()


def _can(what: str, *command: str, undo: tuple[str, ...] = ()) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{what}: {error}") from error
    if done.returncode:
        raise Missing(f"{what}: {done.stderr.strip()}")
    if undo:
        subprocess.run(undo, capture_output=True, check=False, timeout=30)


def _check_size() -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    if memory < MEMORY_GB:
        raise Missing(f"{memory:.1f} GiB of memory are too few; a cluster takes {MEMORY_GB}")
    needed = DISK_WARM_GB if (cache() / "registry").is_dir() else DISK_GB
    free = shutil.disk_usage(cache()).free / 2**30
    if free < needed:
        raise Missing(f"{free:.0f} GiB are free at {cache()}; building takes {needed}")


def _check_cgroups(name: str) -> None:
    """Limits of memory are what the kubelet cannot do without; both versions of cgroups have them."""
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        if "memory" not in (root / "cgroup.controllers").read_text().split():
            raise Missing("there is no memory controller among the cgroups")
    elif (root / "memory").is_dir():
        root /= "memory"
    else:
        raise Missing("there are no cgroups with a memory controller at /sys/fs/cgroup")
    try:
        (root / name).mkdir()
        (root / name).rmdir()
    except OSError as error:
        raise Missing(f"no cgroup can be made: {error}") from error


def _check_overlay() -> None:
    """Where containerd would keep its containers."""
    existing = next(path for path in (state(), *state().parents) if path.is_dir())
    with tempfile.TemporaryDirectory(dir=existing, prefix=".outrider-") as scratch, _left_alone(Path(scratch) / "all"):
        for part in ("lower", "upper", "work", "all"):
            Path(scratch, part).mkdir()
        options = f"lowerdir={scratch}/lower,upperdir={scratch}/upper,workdir={scratch}/work"
        _can("no overlay can be mounted", "mount", "-t", "overlay", "overlay", "-o", options, f"{scratch}/all")


@contextlib.contextmanager
def _left_alone(place: Path) -> Iterator[None]:
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)


def _install() -> None:
    packages = [package for name, package in DEBIAN.items() if not _there(name)]
    if not (CNI / "bridge").exists():
        packages.append("containernetworking-plugins")
    if not packages:
        return
    if shutil.which("apt-get") is None:
        raise Missing("not installed: " + ", ".join(packages))
    print("Installing with apt-get:", *packages, file=sys.stderr, flush=True)
    # Debian's packages would start daemons of their own.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        quiet = {"env": env, "capture_output": True, "text": True, "check": False}
        subprocess.run(["apt-get", "-q", "update"], **quiet)  # type: ignore[call-overload]
        options = ["-q", "install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
        done = subprocess.run(["apt-get", *options, *packages], **quiet)  # type: ignore[call-overload]
        if done.returncode:
            raise Missing(f"apt-get install {' '.join(packages)} failed: {done.stderr[-500:]}")
    finally:
        if ours:
            policy.unlink()


def _there(name: str) -> bool:
    try:
        find(name)
    except Missing:
        return False
    return True
