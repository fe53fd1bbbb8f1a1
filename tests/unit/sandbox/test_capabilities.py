"""What is found out about a machine by trying."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from outrider_sandbox import capabilities


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The exit statuses of bubblewrap, in turn; None: it does not answer in time."""
    statuses: list[int | None] = []

    def run(words: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        if (status := statuses.pop(0)) is None:
            raise subprocess.TimeoutExpired(words[0], 20)
        return subprocess.CompletedProcess(words, status, b"", b"loopback: Failed RTM_NEWADDR" if status else b"")

    monkeypatch.setattr(capabilities.shutil, "which", lambda name: f"/usr/bin/{name}")  # type: ignore[attr-defined]
    monkeypatch.setattr(capabilities.subprocess, "run", run)  # type: ignore[attr-defined]
    monkeypatch.setattr(capabilities, "_try_network", lambda: None)
    monkeypatch.setattr(capabilities.os, "access", lambda *_: True)  # type: ignore[attr-defined]
    return statuses


@pytest.mark.parametrize("first", [None, 1])
def test_a_busy_machine_keeps_its_sandboxes(tries: list[int | None], first: int | None) -> None:
    tries += [first, 0]
    assert capabilities.usable().bubblewrap


def test_a_machine_that_never_can_is_told_why(tries: list[int | None]) -> None:
    tries += [1, None, 1]
    found = capabilities.usable()
    assert not found.bubblewrap
    assert "RTM_NEWADDR" in found.notes[0]
