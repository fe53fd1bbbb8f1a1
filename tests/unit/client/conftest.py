"""A platform for the client's tests: a real HTTP server with jobs, logs and files in memory, which can be
told to fail in the ways that networks and services do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.client.platform import Platform


@pytest.fixture
def platform() -> Iterator[Platform]:
    with Platform() as running:
        yield running


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No login, no notebook, no Git configuration of whoever runs the tests; a home of their own."""
    home = tmp_path_factory.mktemp("home")
    for name in (
        "OUTRIDER_URL",
        "OUTRIDER_TOKEN",
        "OUTRIDER_HOME",
        "JUPYTERHUB_API_TOKEN",
        "JUPYTERHUB_API_URL",
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
        "NO_COLOR",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setattr("outrider.transport.pause", lambda attempt, answer=None: 0.005)
    monkeypatch.setattr("outrider.follow.pause", lambda attempt, answer=None: 0.005)
    monkeypatch.setattr("outrider.download.pause", lambda attempt, answer=None: 0.005)
    return home


@pytest.fixture
def logged_in(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setenv("OUTRIDER_URL", platform.url)
    monkeypatch.setenv("OUTRIDER_TOKEN", platform.token)
    return platform


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command is typed."""
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "train.py").write_text("print(1)")
    monkeypatch.chdir(directory)
    return directory
