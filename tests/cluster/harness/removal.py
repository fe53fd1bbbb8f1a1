"""Takes the cluster away: processes, containers, mounts, network and state; only the cache stays."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

from . import processes
from .boot import forward_rules
from .places import BRIDGE, state
from .programs import find, go_programs

ORDER = (
    "kwok",
    "kubelet",
    "kube-proxy",
    "coredns",
    "kube-scheduler",
    "kube-controller-manager",
    "kube-apiserver",
    "etcd",
    "dockerd",
)


def down() -> None:
    """Idempotent, also for a cluster that was only half booted."""
    if not state().exists():
        return
    for name in ORDER:
        processes.stop(name)
    _end_containers()
    processes.stop("containerd")
    processes.stop("registry")
    processes.stop("private-registry")
    _end_shims()
    _unmount()
    _remove_cgroups()
    _remove_network()
    shutil.rmtree(state(), ignore_errors=True)
    for folder in (Path("/var/log/containers"), Path("/var/log/pods")):
        if folder.is_dir():
            for link in folder.iterdir():
                if link.is_symlink() and not link.exists():
                    link.unlink()
    left = [path for path in (state(), Path(f"/sys/class/net/{BRIDGE}")) if path.exists()]
    if left:
        raise RuntimeError(f"could not be removed: {', '.join(map(str, left))}")


def _pods_cgroups() -> list[Path]:
    return [*Path("/sys/fs/cgroup").glob("*/kubepods"), *Path("/sys/fs/cgroup").glob("kubepods")]


def _end_containers() -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        pids: set[int] = set()
        for root in _pods_cgroups():
            for tasks in root.rglob("cgroup.procs"):
                with contextlib.suppress(OSError):
                    pids |= {int(pid) for pid in tasks.read_text().split()}
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)


def _end_shims() -> None:
    """containerd's shims outlive it on purpose; ours have our socket among their words."""
    mark = str(state()).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes()
                if b"containerd-shim" in words and mark in words:
                    os.kill(int(entry.name), signal.SIGKILL)


def _unmount() -> None:
    for _ in range(3):
        mounted = []
        for line in Path("/proc/self/mounts").read_text().splitlines():
            place = line.split()[1].encode().decode("unicode_escape")
            if place.startswith((f"{state()}/", "/run/netns/cni-")):
                mounted.append(place)
        if not mounted:
            break
        for place in sorted(mounted, reverse=True):
            subprocess.run(["umount", "-l", place], capture_output=True, check=False)
    for space in Path("/run/netns").glob("cni-*"):
        with contextlib.suppress(OSError):
            space.unlink()


def _remove_cgroups() -> None:
    for root in _pods_cgroups():
        for folder in sorted(root.rglob("*"), reverse=True):
            if folder.is_dir():
                with contextlib.suppress(OSError):
                    folder.rmdir()
        with contextlib.suppress(OSError):
            root.rmdir()


def _remove_network() -> None:
    iptables = find("iptables")
    proxy = go_programs("kubernetes")["kube-proxy"]
    subprocess.run([proxy, "--cleanup"], capture_output=True, check=False, timeout=60)
    for rule in forward_rules():
        subprocess.run([iptables, "-D", *rule], capture_output=True, check=False)
    # What the plugins made for pods that were killed, and the kubelet's own chains.
    for table in ("nat", "filter", "mangle"):
        saved = subprocess.run([iptables, "-t", table, "-S"], capture_output=True, text=True, check=False).stdout
        ours = [line for line in saved.splitlines() if any(m in line for m in ("CNI-", "KUBE-", "outrider-cluster"))]
        for line in ours:
            if line.startswith("-A"):
                subprocess.run([iptables, "-t", table, "-D", *shlex.split(line)[1:]], capture_output=True, check=False)
        for line in ours:
            if line.startswith("-N"):
                subprocess.run([iptables, "-t", table, "-X", line.split()[1]], capture_output=True, check=False)
    ip = find("ip")
    names = [path.name for path in Path("/sys/class/net").iterdir()]
    for name in names:
        master = Path(f"/sys/class/net/{name}/master")
        if master.exists() and master.resolve().name == BRIDGE:
            subprocess.run([ip, "link", "delete", name], capture_output=True, check=False)
    if BRIDGE in names:
        subprocess.run([ip, "link", "delete", BRIDGE], capture_output=True, check=False)
    for cached in Path("/var/lib/cni/results").glob("outrider-cluster-*"):
        cached.unlink()
