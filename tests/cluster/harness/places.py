"""Where the harness keeps things: what may be used again in the cache, what a running cluster needs in its state."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).resolve().parent.parent
CHECKOUT: Final = SOURCES.parent.parent


def cache() -> Path:
    """Built programs and images, shared by all checkouts of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = Path(base) / "outrider" / "cluster"
    path.mkdir(parents=True, exist_ok=True)
    return path


def state() -> Path:
    """All of a running cluster. One machine has one: its bridge and its iptables chains have fixed names."""
    return Path(os.environ.get("OUTRIDER_CLUSTER_STATE") or "/var/lib/outrider-cluster")


BRIDGE: Final = "outrider0"
ADDRESS: Final = "10.244.0.1"
"""The machine's own address on the pods' bridge: API server, registry and DNS listen there."""
PODS: Final = "10.244.0.0/16"
SERVICES: Final = "10.96.0.0/16"
FIRST_SERVICE: Final = "10.96.0.1"
NODE: Final = "node-0"
REGISTRY: Final = f"{ADDRESS}:5000"
PRIVATE_REGISTRY: Final = f"{ADDRESS}:5001"
"""The same images, for those who have an account."""
API: Final = f"https://{ADDRESS}:6443"
