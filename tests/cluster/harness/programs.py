"""The programs of the cluster: where Debian has them, and those of Go modules, built once and kept by the hash of their
sources.
"""

from __future__ import annotations

import hashlib
import json
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
    "kwok": ["sigs.k8s.io/kwok/cmd/kwok"],
    "helm": ["helm.sh/helm/v3/cmd/helm"],
    "pause": ["outrider.test/pause"],
    "actionlint": ["github.com/rhysd/actionlint/cmd/actionlint"],
    "kueue": ["sigs.k8s.io/kueue/cmd/kueue"],
}
ON_DEMAND: Final = ("kwok", "actionlint")
"""What the cluster does not need to run."""
CNI: Final = Path("/usr/lib/cni")


class Missing(Exception):
    """The machine cannot run the cluster; the message says what it lacks."""


def find(name: str) -> str:
    """A system program. Debian's own directories come first: others may hold programs of the same name."""
    path = shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin:" + os.environ.get("PATH", ""))
    if path is None:
        raise Missing(f"{name} is not installed")
    return path


def go_programs(*parts: str) -> dict[str, Path]:
    """Paths of built programs by name: these parts', or all that the cluster needs. Builds what is not in the cache."""
    found: dict[str, Path] = {}
    for part in parts or (part for part in COMMANDS if part not in ON_DEMAND):
        folder = cache() / "bin" / f"{part}-{_key(part)}"
        if not folder.is_dir():
            _build(part, folder)
        found |= {path.name: path for path in folder.iterdir()}
    return found


def module_folder(part: str, module: str) -> Path:
    """Where the sources of a module lie that a part is built from; they are fetched if need be."""
    where = SOURCES / "build" / part
    said = subprocess.run(["go", "mod", "download", "-json", module], cwd=where, capture_output=True, check=False)
    if said.returncode:
        raise Missing(f"the sources of {module} cannot be downloaded: {said.stderr.decode()[-500:]}")
    return Path(json.loads(said.stdout)["Dir"])


def _key(part: str) -> str:
    digest = hashlib.sha256(subprocess.check_output(["go", "version"]))
    for path in sorted((SOURCES / "build" / part).iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    digest.update(" ".join(COMMANDS[part]).encode() + VERSION_FLAGS.encode() * (part == "helm"))
    return digest.hexdigest()[:16]


def _build(part: str, folder: Path) -> None:
    print(f"Building {part} (once; minutes) …", file=sys.stderr, flush=True)
    sources = SOURCES / "build" / part
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        command = ["nice", "-n", "19", "go", "build", "-p", "2", "-trimpath", "-buildvcs=false"]
        command += ["-ldflags", f"-s -w {VERSION_FLAGS}", "-o", scratch + "/", *COMMANDS[part]]
        env = {**os.environ, "CGO_ENABLED": "0"}
        # Apart from the build: modules that cannot be had are the machine's fault, what does not compile is ours.
        listing = ["go", "list", "-deps", *COMMANDS[part]]
        if subprocess.run(listing, cwd=sources, env=env, stdout=subprocess.DEVNULL, check=False).returncode:
            raise Missing(f"the sources of {part} cannot be downloaded; what go says about it is above")
        subprocess.run(command, cwd=sources, env=env, check=True)
        # A directory appears whole or not at all; another checkout may have been faster.
        Path(scratch).chmod(0o755)
        if not folder.exists():
            Path(scratch).rename(folder)
            Path(scratch).mkdir()
