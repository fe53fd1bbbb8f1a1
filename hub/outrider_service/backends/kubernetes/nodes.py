"""What fits on the cluster's nodes, empty and now: pure arithmetic over nodes and pods."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from ...catalog import MachineType
from ..base import Capacity

Object = dict[str, Any]

TEMPORARY: Final = frozenset(
    {
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
        "node.kubernetes.io/unschedulable",
        "node.kubernetes.io/memory-pressure",
        "node.kubernetes.io/disk-pressure",
        "node.kubernetes.io/pid-pressure",
        "node.kubernetes.io/network-unavailable",
        "node.cloudprovider.kubernetes.io/uninitialized",
    }
)
FACTORS: Final = {
    "": 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
}


def quantity(text: str | int | float) -> float:
    """A Kubernetes quantity as a number: "500m" is 0.5, "1Gi" is 1073741824."""
    match = re.fullmatch(r"([0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)", str(text))
    if match is None or match[2] not in FACTORS:
        raise ValueError(f"not a quantity: {text!r}")
    return float(match[1]) * FACTORS[match[2]]


def requests(spec: Object) -> dict[str, float]:
    """A pod's requests: the sum of its containers, or its largest init container if that is more."""
    total: dict[str, float] = {}
    for container in spec.get("containers") or []:
        for name, amount in _asked(container).items():
            total[name] = total.get(name, 0.0) + amount
    for container in spec.get("initContainers") or []:
        for name, amount in _asked(container).items():
            total[name] = max(total.get(name, 0.0), amount)
    return total


def _asked(container: Object) -> dict[str, float]:
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: quantity(amount) for name, amount in asked.items()}


@dataclass(frozen=True, slots=True)
class Demand:
    """What a pod demands of its node."""

    amounts: dict[str, float]
    selector: dict[str, str]
    tolerations: list[dict[str, Any]]

    @classmethod
    def of_machine(cls, machine: MachineType) -> Demand:
        amounts = {"cpu": machine.cpu, "memory": machine.memory_mb * 2.0**20}
        if machine.gpu:
            amounts[machine.kubernetes.gpu_resource] = float(machine.gpu)
        return cls(
            amounts,
            machine.kubernetes.node_selector,
            [dict(toleration) for toleration in machine.kubernetes.tolerations],
        )

    @classmethod
    def of_pod(cls, spec: Object) -> Demand:
        return cls(requests(spec), spec.get("nodeSelector") or {}, spec.get("tolerations") or [])


@dataclass(slots=True)
class Node:
    """A node as the scheduler sees it. ``usable``: neither cordoned nor unreachable."""

    name: str
    labels: dict[str, str]
    taints: list[Object]
    size: dict[str, float]
    usable: bool
    used: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, node: Object) -> Node:
        taints = node["spec"].get("taints") or []
        return cls(
            name=node["metadata"]["name"],
            labels=node["metadata"].get("labels") or {},
            taints=[taint for taint in taints if taint.get("key") not in TEMPORARY],
            size={name: quantity(value) for name, value in (node["status"].get("allocatable") or {}).items()},
            usable=is_ready(node) and not node["spec"].get("unschedulable"),
        )

    def suits(self, demand: Demand) -> bool:
        """Whether such a pod may run here at all, regardless of size."""
        if any(self.labels.get(key) != value for key, value in demand.selector.items()):
            return False
        return all(
            taint.get("effect") == "PreferNoSchedule" or any(_tolerates(t, taint) for t in demand.tolerations)
            for taint in self.taints
        )

    def count(self, demand: Demand, used: dict[str, float]) -> int:
        """How many such pods fit into what is free."""
        # The number of pods on a node is limited.
        asked = demand.amounts | ({"pods": 1.0} if "pods" in self.size else {})
        fits = (
            (self.size.get(name, 0.0) - used.get(name, 0.0)) / amount for name, amount in asked.items() if amount > 0
        )
        return max(0, int(min(fits) + 1e-9))


def is_ready(node: Object) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _tolerates(toleration: dict[str, Any], taint: Object) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("operator") == "Exists":
        return not toleration.get("key") or toleration["key"] == taint.get("key")
    return toleration.get("key") == taint.get("key") and toleration.get("value", "") == (taint.get("value") or "")


def read_nodes(nodes: Iterable[Object], pods: Iterable[Object]) -> list[Node]:
    """Nodes with what the pods on them use."""
    found = {node.name: node for node in map(Node.read, nodes)}
    for pod in pods:
        node = found.get(pod["spec"].get("nodeName") or "")
        if node is None or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            continue
        for name, amount in {**requests(pod["spec"]), "pods": 1.0}.items():
            node.used[name] = node.used.get(name, 0.0) + amount
    return list(found.values())


def capacity(demand: Demand, nodes: list[Node]) -> Capacity:
    """How many such pods fit on the empty cluster, and now."""
    fit = [node for node in nodes if node.suits(demand)]
    total = sum(node.count(demand, {}) for node in fit)
    return Capacity(total, sum(node.count(demand, node.used) for node in fit if node.usable))


def never_fits(demand: Demand, nodes: list[Node]) -> str | None:
    """Why no node could ever run such a pod; None if one could, or if the nodes are unknown."""
    if not nodes:
        return None
    suitable = [node for node in nodes if node.suits(demand)]
    if not suitable:
        return f"none of the {len(nodes)} nodes has the labels and taints that the machine type asks for"
    if any(node.count(demand, {}) for node in suitable):
        return None
    asked = demand.amounts
    short = [name for name, amount in asked.items() if all(n.size.get(name, 0.0) < amount for n in suitable)]
    return f"no node has enough {' and '.join(short or sorted(asked))}"
