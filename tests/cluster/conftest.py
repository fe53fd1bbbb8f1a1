"""Fixtures of the cluster's tests. One cluster for all; each module a namespace of its own.

cluster      the cluster: KUBECONFIG's, or one booted for the session (kept when it was already up)
images       references of the images that the tests use, built and pushed when they changed
namespace    a namespace with the platform's volume in it
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.harness import boot, images as building, processes, removal
from tests.cluster.harness.places import CHECKOUT, state
from tests.cluster.harness.programs import Missing, check_machine
from tests.cluster.tools import Cluster, Namespace


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
    was_up = processes.running("kubelet") is not None
    boot.up()
    try:
        yield Cluster(boot.kubeconfig(), own=True)
    finally:
        if not was_up:
            removal.down()


@dataclass(frozen=True)
class Images:
    base: str
    runner: str


@pytest.fixture(scope="session")
def images(cluster: Cluster) -> Images:
    if not cluster.own:
        pytest.skip("images are built for the tests' own cluster only")
    base = building.base_image()
    runner = building.build(
        "outrider-test/runner",
        CHECKOUT / "images/runner/Dockerfile",
        [CHECKOUT / "images/runner", CHECKOUT / "client/outrider/runner"],
        base,
    )
    return Images(base, runner)


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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Iterator[None]:
    """What the cluster says goes into a failing test's output."""
    outcome: Any = yield
    report = outcome.get_result()
    cluster = getattr(item, "funcargs", {}).get("cluster")
    if report.when == "call" and report.failed and cluster is not None:
        with contextlib.suppress(Exception):
            report.sections.append(("the cluster's events and pods", cluster.story()))


