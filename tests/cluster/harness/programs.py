"""The programs of the cluster: Debian packages, and Go modules built once and kept by the hash of their sources."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from .places import SOURCES, cache

KUBERNETES: Final = "v1.34.4"
VERSION_FLAGS: Final = " ".join(
    f"-X {name}={value}"
    for name, value in (
        ("k8s.io/component-base/version.gitVersion", KUBERNETES),
        ("k8s.io/component-base/version.gitMajor", "1"),
        ("k8s.io/component-base/version.gitMinor", "34"),
        # What helm takes for granted without a cluster.
        ("helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor", "1"),
        ("helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor", "34"),
        ("helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor", "1"),
        ("helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor", "34"),
    )
)
COMMANDS: Final = {
    "kubernetes": [
        f"k8s.io/kubernetes/cmd/{name}"
        for name in (
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kube-proxy",
            "kubelet",
            "kubectl",
        )
    ],
    "coredns": ["outrider.test/coredns"],
    "helm": ["helm.sh/helm/v3/cmd/helm"],
    "pause": ["outrider.test/pause"],
}
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
CNI: Final = Path("/usr/lib/cni")


class Missing(Exception):
    """The machine cannot run the cluster; the message says what it lacks."""


def find(name: str) -> str:
    """A system program. Debian's own directories come first: others may hold programs of the same name."""
    path = shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin:" + os.environ.get("PATH", ""))
    if path is None:
        raise Missing(f"{name} is not installed")
    return path


def check_machine() -> None:
    """Whether this machine could run a cluster at all. Raises Missing."""
    if os.geteuid() != 0:
        raise Missing("a cluster of one's own needs root; or set KUBECONFIG to use another")
    if shutil.which("go") is None:
        raise Missing("Go is not installed (https://go.dev/dl)")
    _install()
    tables = subprocess.run([find("iptables"), "-t", "nat", "-L", "-n"], capture_output=True, text=True, check=False)
    if tables.returncode:
        raise Missing(f"iptables cannot be used here: {tables.stderr.strip()}")


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


def go_programs(*parts: str) -> dict[str, Path]:
    """Paths of the built programs by name; builds what is not in the cache."""
    found: dict[str, Path] = {}
    for part in parts or tuple(COMMANDS):
        folder = cache() / "bin" / f"{part}-{_key(part)}"
        if not folder.is_dir():
            _build(part, folder)
        found |= {path.name: path for path in folder.iterdir()}
    return found


def _key(part: str) -> str:
    digest = hashlib.sha256(subprocess.check_output(["go", "version"]))
    for path in sorted((SOURCES / "build" / part).iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    digest.update(" ".join(COMMANDS[part]).encode() + VERSION_FLAGS.encode() * (part == "helm"))
    return digest.hexdigest()[:16]


def _build(part: str, folder: Path) -> None:
    print(f"Building {part} (once; minutes) …", file=sys.stderr, flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        command = ["nice", "-n", "19", "go", "build", "-p", "2", "-trimpath", "-buildvcs=false"]
        command += ["-ldflags", f"-s -w {VERSION_FLAGS}", "-o", scratch + "/", *COMMANDS[part]]
        env = {**os.environ, "CGO_ENABLED": "0"}
        subprocess.run(command, cwd=SOURCES / "build" / part, env=env, check=True)
        # A directory appears whole or not at all; another checkout may have been faster.
        Path(scratch).chmod(0o755)
        if not folder.exists():
            Path(scratch).rename(folder)
            Path(scratch).mkdir()
