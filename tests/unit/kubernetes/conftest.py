"""An attempt with next to nothing in it, to be changed by each test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from outrider_service.backends.base import Attempt, AttemptRef
from outrider_service.catalog import MachineType
from tests.attempts import make_attempt

JOB = "j0123456789ab"


@pytest.fixture
def attempt() -> Callable[..., Attempt]:
    def make(**changes: Any) -> Attempt:
        usual: dict[str, Any] = {
            "ref": AttemptRef(JOB, 2),
            "groups": ("team",),
            "machine": MachineType(name="small", cpu=0.5, memory_mb=1024),
            "command": "python train.py",
            "params": {"lr": 0.1},
            "workspace": {"type": "snapshot", "id": "sha256:" + "ab" * 32},
            "inputs": {"model": "j111111111111"},
            "env": {"TOKEN": "secret"},
            "ports": [8080],
        }
        return make_attempt(**{**usual, **changes})

    return make
