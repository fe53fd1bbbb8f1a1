"""What fits the nodes, now and ever."""

from __future__ import annotations

from typing import Any

import pytest

from outrider_service.backends.base import Capacity
from outrider_service.backends.kubernetes.nodes import Demand, capacity, never_fits, quantity, read_nodes, requests
from outrider_service.catalog import KubernetesPlacement, MachineType

GPU = MachineType(name="gpu", cpu=1, memory_mb=1024, gpu=2)


def node(name: str = "n", *, gpu: int = 0, ready: bool = True, **spec: Any) -> dict[str, Any]:
    labels = spec.pop("labels", {})
    size = {"cpu": "3900m", "memory": "16Gi", "pods": "110", **({"nvidia.com/gpu": str(gpu)} if gpu else {})}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
        "status": {"allocatable": size, "conditions": [{"type": "Ready", "status": "True" if ready else "Unknown"}]},
    }


def pod(on: str | None, gpu: int = 0, phase: str = "Running") -> dict[str, Any]:
    wanted = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"nvidia.com/gpu": str(gpu)} if gpu else {}}
    return {"spec": {"nodeName": on, "containers": [{"resources": wanted}]}, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("text", "number"), [("500m", 0.5), ("1Gi", 2**30), ("2", 2), ("1e3", 1000), ("1.5k", 1500), (4, 4)]
)
def test_quantities(text: str | int, number: float) -> None:
    assert quantity(text) == pytest.approx(number)


def test_a_pod_asks_for_its_containers_together_or_its_largest_init_container() -> None:
    def container(cpu: str) -> dict[str, Any]:
        return {"resources": {"requests": {"cpu": cpu}}}

    spec = {"containers": [container("1"), container("500m")], "initContainers": [container("2"), container("1")]}
    assert requests(spec) == {"cpu": 2.0}


def test_gpus_are_counted_by_node() -> None:
    nodes = [node("a", gpu=4), node("b", gpu=1)]
    assert capacity(Demand.of_machine(GPU), read_nodes(nodes, [])) == Capacity(2, 2)
    used = [pod("a", 1), pod("a", 2, "Succeeded"), pod(None, 4)]
    assert capacity(Demand.of_machine(GPU), read_nodes(nodes, used)) == Capacity(2, 1)


def test_a_cordoned_or_unready_node_counts_but_is_not_free() -> None:
    for there in (node(gpu=2, unschedulable=True), node(gpu=2, ready=False)):
        assert capacity(Demand.of_machine(GPU), read_nodes([there], [])) == Capacity(1, 0)


def test_taints_and_labels() -> None:
    spot = MachineType(
        name="spot",
        cpu=1,
        memory_mb=1024,
        kubernetes=KubernetesPlacement(
            node_selector={"pool": "spot"},
            tolerations=({"key": "spot", "operator": "Equal", "value": "yes", "effect": "NoSchedule"},),
        ),
    )
    taint = {"key": "spot", "value": "yes", "effect": "NoSchedule"}
    there = read_nodes([node("a", taints=[taint], labels={"pool": "spot"}), node("b")], [])
    assert capacity(Demand.of_machine(spot), there) == Capacity(3, 3)
    assert capacity(Demand.of_machine(GPU), there) == Capacity(0, 0)
    assert "nvidia.com/gpu" in (never_fits(Demand.of_machine(GPU), there) or "")
    elsewhere = spot.model_copy(update={"kubernetes": KubernetesPlacement(node_selector={"pool": "none"})})
    assert "labels" in (never_fits(Demand.of_machine(elsewhere), there) or "")


def test_busy_or_away_is_not_never() -> None:
    demand = Demand.of_machine(GPU)
    away = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}
    assert never_fits(demand, read_nodes([node(gpu=2)], [pod("n", 2)])) is None
    assert never_fits(demand, read_nodes([node(gpu=2, ready=False, taints=[away])], [])) is None
    assert never_fits(demand, []) is None
