"""Nodes that only say that they run what is put on them (kwok): room for thousands of jobs on a small machine.

Pods on them run until they are deleted; those that select nodes by ``ENDS`` as well succeed at once. Nothing of them
is real but what the API server, the scheduler and the controllers do, which is what is measured with them.
"""

from __future__ import annotations

import json
from typing import Any, Final

import yaml

from . import processes
from .boot import kubeconfig, kubectl
from .places import state
from .programs import go_programs, module_folder

LABEL: Final = {"outrider.test/kwok": "true"}
ENDS: Final = {"outrider.test/ends": "at-once"}
TAINT: Final = {"key": "outrider.test/kwok", "value": "true", "effect": "NoSchedule"}
TOLERATION: Final = {"key": "outrider.test/kwok", "operator": "Exists"}
PODS_EACH: Final = 250
STAGES: Final = ("node/fast", "node/heartbeat-with-lease", "pod/fast")
"""kwok's own, for the life of nodes and pods."""


def start(nodes: int) -> None:
    """Starts kwok and makes the nodes; returns when they are ready."""
    config = state() / "config" / "kwok.yaml"
    config.write_text(yaml.safe_dump_all(_stages()))
    if processes.running("kwok") is None:
        command: list[Any] = [go_programs("kwok")["kwok"], f"--kubeconfig={kubeconfig()}", f"--config={config}"]
        command += ["--manage-all-nodes=false", "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake"]
        # Renewed each quarter of that; the controller manager gives a node up after ten seconds.
        command += ["--node-lease-duration-seconds=20"]
        processes.start("kwok", command)
    items = [_node(number) for number in range(nodes)]
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    kubectl("wait", "nodes", "-l", _selector(), "--for=condition=Ready", "--timeout=60s")


def stop() -> None:
    """Takes nodes and kwok away; pods that were on them should be gone before."""
    kubectl("delete", "nodes", "-l", _selector(), check=False)
    processes.stop("kwok")


def _selector() -> str:
    return ",".join(f"{name}={value}" for name, value in LABEL.items())


def _stages() -> list[dict[str, Any]]:
    folder = module_folder("kwok", "sigs.k8s.io/kwok") / "kustomize" / "stage"
    found: list[dict[str, Any]] = []
    for name in STAGES:
        for file in sorted((folder / name).glob("*-*.yaml")):
            found.append(yaml.safe_load(file.read_text()))
    for stage in found:
        if stage["metadata"]["name"] == "pod-complete":
            ((name, value),) = ENDS.items()
            only = {"key": f'.spec.nodeSelector["{name}"]', "operator": "In", "values": [value]}
            stage["spec"]["selector"]["matchExpressions"].append(only)
    return found


def _node(number: int) -> dict[str, Any]:
    name = f"kwok-{number}"
    size = {"cpu": "64", "memory": "512Gi", "pods": str(PODS_EACH)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/hostname": name, **LABEL, **ENDS},
        },
        "spec": {"taints": [TAINT]},
        "status": {"capacity": size, "allocatable": size},
    }
