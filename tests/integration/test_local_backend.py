"""The local platform does what every platform must."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from outrider_service.backends.base import Attempt, AttemptRef
from outrider_service.backends.local import LocalBackend
from outrider_service.catalog import MachineType
from outrider_service.jobs.model import new_job_id
from outrider_service.storage.directories import Directories
from tests.conformance.backend import *  # noqa: F403


@pytest_asyncio.fixture
async def backend(tmp_path: Path) -> AsyncIterator[LocalBackend]:
    directories = Directories(tmp_path / "home")
    directories.make()
    made = LocalBackend(directories, None)
    if made.isolation != "bubblewrap":
        pytest.skip("bubblewrap does not work on this machine: " + " ".join(made.capabilities.notes))
    yield made
    for ref in await made.known():
        await made.stop(ref, 0)
    await made.close()


@pytest.fixture
def attempt() -> Any:
    def make(command: str, **changes: Any) -> Attempt:
        wanted = Attempt(
            ref=AttemptRef(new_job_id(), 1),
            owner="alice",
            groups=(),
            machine=MachineType(name="small", cpu=0.1, memory_mb=256),
            environment=None,
            image="python",
            command=command,
            args=None,
            notebook=None,
            params={},
            workspace={"type": "none"},
            inputs={},
            env={},
            ports=[],
        )
        return replace(wanted, **changes)

    return make
