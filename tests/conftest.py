"""What holds for all tests."""

from __future__ import annotations

import signal

import pytest


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Children can be interrupted even when the tests themselves were started in a shell's background, which ignores
    SIGINT for everything below."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
