"""A sandbox in a directory of its own, of either kind, that is gone when its test is over."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import outrider_sandbox as sandbox
from outrider_sandbox.capabilities import which_python_prefixes

from .ordinary_user import PYTHON, OrdinaryUser

DEADLINE_S = 30.0
PYTHON_MOUNTS = [sandbox.Mount(str(path), str(path)) for path in which_python_prefixes(sys.executable)]


def until(condition: Callable[[], Any], what: str = "", deadline_s: float = DEADLINE_S) -> Any:
    """Wait for a condition; what it finally said."""
    deadline = time.monotonic() + deadline_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {deadline_s:.0f} s: {what or condition}"
        time.sleep(0.01)
    return found


def processes_with(word: str) -> list[int]:
    """The living processes whose command line or environment holds a word."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                said = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if word.encode() in said:
                found.append(int(entry.name))
    return found


class Box:
    def __init__(self, folder: Path, isolation: str, user: OrdinaryUser | None = None) -> None:
        self.folder = folder
        self.isolation = isolation
        self._launch = user.launch if user else sandbox.launch
        self._mounts = [] if user else PYTHON_MOUNTS  # which may lie where only root may enter
        self.mark = f"OUTRIDER_TEST_{folder.name}_{os.getpid()}_{time.monotonic_ns()}"

    def spec(self, *argv: str, **fields: Any) -> sandbox.Spec:
        env = {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "MARK": self.mark}
        spec = sandbox.Spec(id="job-1", argv=list(argv), env=env, network="none", grace_s=10)
        env.update(fields.pop("env", {}))
        fields.setdefault("isolation", self.isolation)
        fields.setdefault("disable_userns", CAN.disable_userns)
        fields["mounts"] = [*self._mounts, *fields.get("mounts", [])]
        return replace(spec, **fields)

    def launch(self, *argv: str, **fields: Any) -> Box:
        self._launch(self.folder, self.spec(*argv, **fields))
        return self

    def shell(self, script: str, **fields: Any) -> Box:
        return self.launch("sh", "-c", script, **fields)

    def python(self, script: str, **fields: Any) -> Box:
        return self.launch(sys.executable, "-u", "-c", script, **fields)

    @property
    def state(self) -> sandbox.State:
        return sandbox.state(self.folder)

    def end(self) -> sandbox.State:
        until(lambda: self.state.ended, f"the end; so far: {self.state}, {self.text}")
        return self.state

    @property
    def log(self) -> bytes:
        path = self.folder / "log"
        return path.read_bytes() if path.exists() else b""

    @property
    def lines(self) -> list[str]:
        return [line.partition(" ")[2] for line in self.log.decode(errors="replace").split("\n")[:-1]]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def says(self, line: str) -> Box:
        until(lambda: line in self.lines or self.state.ended, f"{line!r} in {self.text!r}")
        assert line in self.lines, (self.text, self.state)
        return self

    def alive(self) -> list[int]:
        return processes_with(self.mark)

    def nothing_left(self) -> None:
        until(lambda: not self.alive() and not processes_with(str(self.folder)), "no process left")

    def close(self) -> None:
        if not self.state.ended:
            sandbox.request_stop(self.folder, 0)
            for _ in range(100):
                if self.state.phase in ("absent", "exited", "lost"):
                    break
                time.sleep(0.05)
        for pid in processes_with(str(self.folder)):
            os.kill(pid, signal.SIGKILL)


CAN = sandbox.usable()


def _needs(isolation: str) -> None:
    if isolation == "bubblewrap" and not CAN.bubblewrap:
        pytest.skip(" ".join(CAN.notes))


@pytest.fixture(params=["bubblewrap", "plain"])
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Box]:
    """A sandbox of either kind."""
    _needs(request.param)
    made = Box(tmp_path, request.param)
    yield made
    made.close()


@pytest.fixture
def isolated(tmp_path: Path) -> Iterator[Box]:
    """A sandbox that really is one."""
    _needs("bubblewrap")
    made = Box(tmp_path, "bubblewrap")
    yield made
    made.close()


@pytest.fixture
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Another real sandbox beside `isolated`."""
    _needs("bubblewrap")
    made = Box(tmp_path_factory.mktemp("second"), "bubblewrap")
    yield made
    made.close()


@pytest.fixture(params=["whoever runs the tests", "an ordinary user"])
def anybodys(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Box]:
    """A real sandbox of root's, and one of an ordinary user's; one of them where the tests do not run as root."""
    _needs("bubblewrap")
    if request.param == "whoever runs the tests":
        made = Box(tmp_path, "bubblewrap")
        yield made
        made.close()
        return
    if os.getuid() != 0:
        pytest.skip("these tests run as an ordinary user already")
    if not Path(PYTHON).exists() or sys.version_info[:2] < (3, 11):
        pytest.skip("needs a Python that every user may run")
    user = OrdinaryUser()
    made = Box(user.folder(), "bubblewrap", user)
    yield made
    made.close()
    user.close()


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.skipif(not CAN.disable_userns, reason="no"))])
def disable_userns(request: pytest.FixtureRequest) -> bool:
    """Without, the filter alone denies namespaces."""
    return bool(request.param)
