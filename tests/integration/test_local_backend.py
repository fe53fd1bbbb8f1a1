"""The local platform does what every platform must."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from outrider_service.backends.base import Attempt
from outrider_service.backends.local import LocalBackend
from outrider_service.storage.directories import Directories
from tests.attempts import make_attempt
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
def volume(backend: LocalBackend) -> Directories:
    return backend.directories


@pytest.fixture
def attempt() -> Any:
    def make(command: str, **changes: Any) -> Attempt:
        return make_attempt(command=command, **changes)

    return make
