"""Fixtures of the service's tests: one Hub for all, one service for those that leave it as it was, others on demand.

hub            JupyterHub with alice, bob, carol and root
service        the shared service; its users by fixture: alice, bob, carol, root
make_service   services of a test's own, to be killed, filled and reconfigured
postgres       a database URL of a real PostgreSQL, where its programs are installed
fresh_postgres another database on that server, of a test's own
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.harness import HubProcess, ServiceProcess, User
from tests.integration.postgres import programs, server


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    process = HubProcess(tmp_path_factory.mktemp("hub"))
    try:
        yield process.start()
    finally:
        process.stop()


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def service(
    request: pytest.FixtureRequest, hub: HubProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """Every test of the shared service runs on both databases."""
    database = None if request.param == "sqlite" else request.getfixturevalue("postgres")
    # The Hub's proxy knows the service at this port, so the two services take turns at it.
    process = ServiceProcess(hub, tmp_path_factory.mktemp("service"), port=hub.port + 3, database=database)
    try:
        yield process.start()
    finally:
        process.clean()


@pytest.fixture
def make_service(hub: HubProcess, tmp_path: Path) -> Iterator[Callable[..., ServiceProcess]]:
    made: list[ServiceProcess] = []

    def make(**options: Any) -> ServiceProcess:
        made.append(ServiceProcess(hub, options.pop("home", tmp_path / f"home{len(made)}"), **options))
        return made[-1]

    yield make
    for process in made:
        with contextlib.suppress(Exception):
            process.clean()


@pytest.fixture(scope="session")
def alice(service: ServiceProcess) -> User:
    return service.user("alice")


@pytest.fixture(scope="session")
def bob(service: ServiceProcess) -> User:
    return service.user("bob")


@pytest.fixture(scope="session")
def carol(service: ServiceProcess) -> User:
    return service.user("carol")


@pytest.fixture(scope="session")
def root(service: ServiceProcess) -> User:
    return service.user("root")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    where = programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with server(where) as url:
        yield url


@pytest.fixture
def fresh_postgres(postgres: str) -> Iterator[str]:
    """A database of a test's own."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield postgres.rsplit("/", 1)[0] + f"/{name}"
