"""Fixtures of the cluster's tests. One cluster for all; each module a namespace of its own.

cluster      the cluster: KUBECONFIG's, or one booted for the session (kept when it was already up)
images       references of the images that the tests use, built and pushed when they changed
namespace    a namespace with the platform's volume in it
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.harness import boot, processes, removal
from tests.cluster.harness.machine import check_machine
from tests.cluster.harness.places import NODE, state
from tests.cluster.harness.product import Images, Product, job_images
from tests.cluster.harness.product import product as everything
from tests.cluster.harness.programs import Missing
from tests.cluster.harness.turn import turn
from tests.cluster.services import make_service
from tests.cluster.tools import Cluster, Namespace
from tests.integration.harness import HubProcess, ServiceProcess, User


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    given = os.environ.get("KUBECONFIG")
    if given and Path(given) != boot.kubeconfig():
        yield Cluster(Path(given), own=False)
        return
    try:
        check_machine()
    except Missing as error:
        pytest.skip(f"no cluster: {error}")
    with turn():
        was_up = processes.running("kubelet") is not None
        boot.up()
        try:
            yield Cluster(boot.kubeconfig(), own=True)
        finally:
            if not was_up:
                removal.down()


@pytest.fixture(scope="session")
def images(cluster: Cluster) -> Images:
    if not cluster.own:
        pytest.skip("images are built for the tests' own cluster only")
    return job_images()


@pytest.fixture(scope="session")
def product(images: Images) -> Product:
    """All of the product's images."""
    return everything()


@pytest.fixture(scope="module")
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace under the restricted standard, with a volume that this process sees too."""
    if not cluster.own:
        pytest.skip("needs a volume that this machine sees as well")
    name = "t-" + request.module.__name__.rpartition(".")[2].replace("_", "-")
    made = Namespace(cluster, name, state() / "volumes" / name)
    made.remove()
    made.make()
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    process = HubProcess(tmp_path_factory.mktemp("hub"))
    try:
        yield process.start()
    finally:
        process.stop()


@pytest.fixture(scope="module")
def service(hub: HubProcess, namespace: Namespace, images: Images) -> Iterator[ServiceProcess]:
    """The service on this machine, with its jobs in the cluster; its volume is theirs."""
    process = make_service(hub, namespace, images)
    try:
        yield process.start()
    finally:
        process.stop()


@pytest.fixture(scope="module")
def alice(service: ServiceProcess) -> User:
    return service.user("alice")


@pytest.fixture(scope="session")
def private_registry(images: Images) -> tuple[str, str]:
    """An account (name, password) at a registry that has the images for it alone."""
    return boot.start_private_registry()


@pytest.fixture
def gpus(cluster: Cluster) -> Iterator[None]:
    """Four GPUs that are only said to be there: the scheduler and the kubelet count them all the same."""
    path = "/status/capacity/nvidia.com~1gpu"
    patch = ["patch", "node", NODE, "--subresource=status", "--type=json", "-p"]
    cluster.kubectl(*patch, f'[{{"op": "add", "path": "{path}", "value": "4"}}]')
    yield
    cluster.kubectl(*patch, f'[{{"op": "remove", "path": "{path}"}}]', check=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What fixtures take (building images) is not the tests' time."""
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(240, func_only=True))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Iterator[None]:
    """What the cluster says goes into a failing test's output."""
    outcome: Any = yield
    report = outcome.get_result()
    cluster = getattr(item, "funcargs", {}).get("cluster")
    if report.when == "call" and report.failed and cluster is not None:
        with contextlib.suppress(Exception):
            report.sections.append(("the cluster's events and pods", cluster.story()))
