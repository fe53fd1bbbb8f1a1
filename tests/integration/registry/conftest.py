"""Registries of the tests: ``registry`` is open, ``private`` wants a login."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.registry.server import Registry, program, running


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    if program() is None:
        pytest.skip("docker-registry is not installed (Debian: apt-get install docker-registry)")
    with running(tmp_path_factory.mktemp("registry"), login=False) as found:
        yield found


@pytest.fixture(scope="session")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    if program() is None:
        pytest.skip("docker-registry is not installed (Debian: apt-get install docker-registry)")
    with running(tmp_path_factory.mktemp("private"), login=True) as found:
        yield found
