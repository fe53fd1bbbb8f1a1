"""What holds for all tests."""

from __future__ import annotations

import re
import signal
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# A busy machine is no failure: no test asserts a time, properties included.
settings.register_profile("outrider", deadline=None)
settings.load_profile("outrider")

DATABASE = re.compile(r"[\[-](sqlite|postgres)[\]-]")


class Together(LoadScopeScheduling):
    """Which tests go to the same process: those that share an expensive fixture (the service on a database, the
    platform of the browser's tests), otherwise those of a file."""

    def _split_scope(self, nodeid: str) -> str:
        path, _, name = nodeid.partition("::")
        if database := DATABASE.search(name):
            return database[1]
        layer = path.split("/")[1]
        return layer if layer in ("browser", "helm") else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What leans on Chromium, on a machine that may be busy, gets a second try. It shows as R, and what went wrong in
    the first one is printed at the end. Nowhere else: a test that fails once in ten runs has found a race."""
    for item in items:
        if item.nodeid.startswith("tests/browser/"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Children can be interrupted even when the tests themselves were started in a shell's background, which ignores
    SIGINT for everything below."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
