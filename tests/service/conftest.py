"""Fixtures of the service's tests: one Hub for all, one service for those that leave it as it was, others on demand.

hub            JupyterHub with alice, bob, carol and root
service        the shared service; its users by fixture: alice, bob, carol, root
make_service   services of a test's own, to be killed, filled and reconfigured
postgres       a database URL of a real PostgreSQL, where its programs are installed
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.harness import HubProcess, ServiceProcess, User


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    process = HubProcess(tmp_path_factory.mktemp("hub"))
    try:
        yield process.start()
    finally:
        process.stop()


@pytest.fixture(scope="session")
def service(hub: HubProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    process = ServiceProcess(hub, tmp_path_factory.mktemp("service"), port=hub.port + 3)
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
    """A fresh cluster in a temporary directory. PostgreSQL refuses to run as root, so root lends it to nobody."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    home = Path(tempfile.mkdtemp(prefix="outrider-pg-"))
    run_as: dict[str, Any] = {}
    if os.getuid() == 0:
        shutil.chown(home, "nobody")
        run_as = {"user": "nobody"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def call(program: str, *arguments: str) -> None:
        subprocess.run(
            [str(programs[-1] / program), *arguments], check=True, cwd=home, capture_output=True, timeout=60, **run_as
        )

    call("initdb", "-D", str(home / "data"), "-U", "outrider", "--auth=trust", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync=off"
    call("pg_ctl", "-D", str(home / "data"), "-w", "-o", options, "-l", str(home / "log"), "start")
    try:
        yield f"postgresql://outrider@127.0.0.1:{port}/postgres"
    finally:
        call("pg_ctl", "-D", str(home / "data"), "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)
