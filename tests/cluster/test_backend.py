"""The Kubernetes platform does what every platform must, on a real cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from outrider_service.backends.base import Attempt
from outrider_service.backends.kubernetes import KubernetesBackend
from outrider_service.storage.directories import Directories
from tests.attempts import make_attempt
from tests.cluster.backends import make_backend
from tests.cluster.harness.product import Images
from tests.cluster.tools import Cluster, Namespace
from tests.conformance.backend import *  # noqa: F403


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(namespace: Namespace, images: Images) -> AsyncIterator[KubernetesBackend]:
    made = make_backend(namespace, images)
    await made.open()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def backend(shared: KubernetesBackend, cluster: Cluster) -> KubernetesBackend:
    return shared


@pytest.fixture
def volume(backend: KubernetesBackend) -> Directories:
    return backend.directories


@pytest.fixture
def attempt(images: Images) -> Any:
    def make(command: str, **changes: Any) -> Attempt:
        return make_attempt(**{"command": command, "image": images.base, **changes})

    return make
