"""What holds for all tests."""

from __future__ import annotations

import signal

import pytest

SHARED = ("service", "platform")
"""Fixtures of a whole session that are expensive to make: a service with its Hub, a whole platform."""


@pytest.hookimpl(tryfirst=True)  # before the plugin reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several processes (``-n``), says which tests go to the same one: those that share an expensive fixture,
    otherwise those of a file."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))


def _group(item: pytest.Item) -> str:
    for name in SHARED:
        if name in getattr(item, "fixturenames", ()):
            callspec = getattr(item, "callspec", None)
            return f"{item.path.parent}/{name}/{callspec.params.get(name) if callspec else None}"
    return str(item.path)


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Children can be interrupted even when the tests themselves were started in a shell's background, which ignores
    SIGINT for everything below."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
