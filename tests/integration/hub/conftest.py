"""A running platform for the tests of the Hub; the ones that stop or break it make their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.hub.platform_process import Platform


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Shared by the tests that leave it as they found it."""
    made = Platform(tmp_path_factory.mktemp("shared") / "home").start()
    yield made
    made.end()


@pytest.fixture
def make_platform(tmp_path: Path) -> Iterator[Callable[..., Platform]]:
    """Makes platforms that this test alone uses."""
    made: list[Platform] = []

    def make(**options: Any) -> Platform:
        made.append(Platform(tmp_path / f"home{len(made)}", **options))
        return made[-1]

    yield make
    for platform in made:
        platform.end()
