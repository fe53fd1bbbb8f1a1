"""What is found out about a machine by trying."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from outrider_sandbox import capabilities
from outrider_sandbox.trees import SetupError


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """What bubblewrap says against each sandbox, in turn; None: it makes it. After those it makes every one."""
    answers: list[str | None] = []

    @contextmanager
    def sandbox(*_: Any, **__: Any) -> Iterator[None]:
        if answers and (said := answers.pop(0)) is not None:
            raise SetupError(said)
        yield

    monkeypatch.setattr("outrider_sandbox.capabilities.shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(capabilities, "_sandbox", sandbox)
    monkeypatch.setattr(capabilities, "_try_network", lambda: None)
    monkeypatch.setattr("outrider_sandbox.network.listen_inside", lambda *_: open("/dev/null"))  # noqa: SIM115, PTH123
    monkeypatch.setattr("outrider_sandbox.capabilities.os.access", lambda *_: True)
    return answers


def test_a_busy_machine_keeps_its_sandboxes(tries: list[str | None]) -> None:
    tries += ["bwrap was not done after 60 s", None]
    assert capabilities.usable().bubblewrap


def test_a_machine_that_never_can_is_told_why(tries: list[str | None]) -> None:
    tries += ["loopback: Failed RTM_NEWADDR"] * 3
    found = capabilities.usable()
    assert (found.isolation, found.network) == ("plain", "full"), "plain processes use the machine's network"
    assert "RTM_NEWADDR" in found.notes[0]


def test_without_a_tap_device_there_is_the_web(tries: list[str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outrider_sandbox.capabilities.os.access", lambda *_: False)
    found = capabilities.usable()
    assert (found.isolation, found.network) == ("bubblewrap", "web")
    assert "/dev/net/tun" in found.notes[0]
    assert "Web access only" in found.notes[0]


def test_a_helper_that_is_there_and_fails_is_not_used(tries: list[str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise OSError("slirp4netns could not attach to the sandbox's network namespace")

    monkeypatch.setattr(capabilities, "_try_network", fails)
    found = capabilities.usable()
    assert found.network == "web"
    assert "could not attach" in found.notes[0]


def test_a_machine_that_cannot_forbid_user_namespaces_relies_on_the_filter(
    tries: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries += [None, *["bwrap: Creating new namespace failed: Read-only file system"] * 3]
    monkeypatch.setattr("outrider_sandbox.seccomp.ARCHITECTURES", {os.uname().machine: (1, 0)})
    found = capabilities.usable()
    assert (found.isolation, found.disable_userns) == ("bubblewrap", False)
    assert not any("namespaces" in note for note in found.notes)


def test_an_architecture_without_a_filter_is_said(tries: list[str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    tries += [None, *["bwrap: Unknown option --disable-userns"] * 3]
    monkeypatch.setattr("outrider_sandbox.seccomp.ARCHITECTURES", {})
    [note] = [note for note in capabilities.usable().notes if "system call filter" in note]
    assert os.uname().machine in note and "Unknown option --disable-userns" in note
