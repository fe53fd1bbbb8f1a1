"""The service for the cluster's tests: a process on this machine whose jobs run in the cluster."""

from __future__ import annotations

import json
from typing import Any

from tests.cluster.harness.kwok import ENDS, LABEL, TOLERATION
from tests.cluster.harness.product import Images
from tests.cluster.tools import Namespace
from tests.integration.harness import HubProcess, ServiceProcess


def make_service(hub: HubProcess, namespace: Namespace, images: Images, **changes: Any) -> ServiceProcess:
    """Killed and started again at will; everything it knows is on the namespace's volume. ``changes``: to its settings
    of the platform."""
    settings = {
        "namespace": namespace.name,
        "kubeconfig": str(namespace.cluster.kubeconfig),
        "runner_image": images.runner,
        "images": {"python": images.base},
        **changes,
    }
    file = namespace.folder / "kubernetes.yaml"
    file.write_text(json.dumps(settings))
    return ServiceProcess(hub, namespace.folder, port=hub.port + 3, catalog=catalog(), OUTRIDER_KUBERNETES=str(file))


def catalog() -> dict[str, Any]:
    """Machine types from next to nothing to what no node has."""
    return {
        "images": [
            {"name": "python", "title": "Python"},
            {"name": "no-such-image:1", "title": "Missing"},
        ],
        "machines": [
            {"name": "tiny", "cpu": 0.05, "memory_mb": 128, "price_per_hour": 0.36},
            {"name": "least", "cpu": 0.005, "memory_mb": 64},
            {"name": "small", "cpu": 0.1, "memory_mb": 256},
            {"name": "giant", "cpu": 1000, "memory_mb": 1024},
            *({"name": f"gpu-{n}", "cpu": 0.05, "memory_mb": 128, "gpu": n} for n in (1, 2, 4)),
            {"name": "elsewhere", "cpu": 0.05, "memory_mb": 128, "node_selector": {"pool": "none-such"}},
            # Nodes that only say that they run something.
            {"name": "said-to-run", "cpu": 0.05, "memory_mb": 128, "node_selector": LABEL, "tolerations": [TOLERATION]},
            {
                "name": "said-to-end",
                "cpu": 0.05,
                "memory_mb": 128,
                "node_selector": LABEL | ENDS,
                "tolerations": [TOLERATION],
            },
            {"name": "later", "cpu": 0.05, "memory_mb": 128, "node_selector": {"pool": "p"}, "scales_from_zero": True},
        ],
        "limits": {"default": {"max_pending": 10_000}},
    }
