"""What the cluster's tests hold in their hands: the cluster, and a namespace with a volume."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.cluster.harness.places import NODE
from tests.cluster.harness.programs import go_programs

UID = 1000


class Cluster:
    """kubectl for one cluster. ``own``: booted by the harness, so that its parts can be taken away."""

    def __init__(self, kubeconfig: Path, *, own: bool) -> None:
        self.kubeconfig = kubeconfig
        self.own = own

    def kubectl(self, *words: str, stdin: Any = None, check: bool = True, seconds: float = 120) -> str:
        done = subprocess.run(
            [str(go_programs("kubernetes")["kubectl"]), f"--kubeconfig={self.kubeconfig}", *words],
            input=None if stdin is None else json.dumps(stdin),
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        if check and done.returncode:
            raise RuntimeError(f"kubectl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def get(self, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", *words, "-o", "json"))
        return found

    def apply(self, *things: dict[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": list(things)})

    def story(self) -> str:
        events = self.kubectl("get", "events", "-A", "--sort-by=.lastTimestamp", check=False)
        pods = self.kubectl("get", "pods,jobs", "-A", "-o", "wide", check=False)
        return "\n".join(events.splitlines()[-40:]) + "\n" + pods


class Namespace:
    """A namespace with the platform's volume: a directory of this machine, so that a test may run the service here.

    ``everywhere``: nodes that do not really run pods may take some that mount it.
    """

    def __init__(self, cluster: Cluster, name: str, folder: Path, *, everywhere: bool = False) -> None:
        self.cluster = cluster
        self.name = name
        self.folder = folder
        self.everywhere = everywhere

    def make(self) -> None:
        self.folder.mkdir(parents=True, mode=0o755)
        os.chown(self.folder, UID, UID)
        restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
        self.cluster.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name, "labels": restricted}},
            volume(self.name, self.folder, {"namespace": self.name, "name": "outrider"}, everywhere=self.everywhere),
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "outrider", "namespace": self.name},
                "spec": {
                    "storageClassName": "",
                    "volumeName": self.name,
                    "accessModes": ["ReadWriteMany"],
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            },
        )

    def remove(self) -> None:
        self.cluster.kubectl("delete", "namespace", self.name, "--ignore-not-found", "--wait=true", check=False)
        self.cluster.kubectl("delete", "pv", self.name, "--ignore-not-found", "--wait=true", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def kubectl(self, *words: str, stdin: Any = None, check: bool = True) -> str:
        return self.cluster.kubectl("-n", self.name, *words, stdin=stdin, check=check)

    def get(self, *words: str) -> dict[str, Any]:
        return self.cluster.get("-n", self.name, *words)


def volume(
    name: str, folder: Path, claim: dict[str, str] | None = None, storage: str = "", *, everywhere: bool = False
) -> dict[str, Any]:
    """A volume that is a directory of the node."""
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    spec: dict[str, Any] = {
        "capacity": {"storage": "100Gi"},
        "accessModes": ["ReadWriteMany", "ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": storage,
    }
    if everywhere:
        spec["hostPath"] = {"path": str(folder)}
    else:
        spec["local"] = {"path": str(folder)}
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}}
    if claim is not None:
        spec["claimRef"] = claim
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}
