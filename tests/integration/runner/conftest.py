"""The runner as a job has it: a process of its own, with a specification, a workspace and artifacts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from outrider_sandbox.processes import kill_descendants

CODE = Path(__file__).parents[3] / "client" / "outrider"
BOOT = f"import sys; sys.path.insert(0, {str(CODE)!r}); from runner.__main__ import main; main()"
DEADLINE_S = 60.0


def until(condition: Callable[[], Any], what: str = "") -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.01)
    return found


class Run:
    """One run; what it printed is in a file, so nothing blocks."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self.folder = folder
        self.workspace = folder / "workspace"
        self.artifacts = folder / "artifacts"
        self.workspace.mkdir()
        self.artifacts.mkdir()
        self.python = python
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, env: dict[str, str] | None = None, **spec: Any) -> Run:
        told = {
            "workspace": {"type": "none"},
            "workspace_dir": str(self.workspace),
            "artifacts_dir": str(self.artifacts),
            "sample_s": 60,
            "grace_s": 20,
            **spec,
        }
        (self.folder / "run.json").write_text(json.dumps(told))
        with (self.folder / "out").open("wb") as out:
            self.process = subprocess.Popen(
                [self.python, "-I", "-S", "-c", BOOT, "--spec", str(self.folder / "run.json")],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.workspace,
                env={
                    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                    "HOME": str(self.folder),
                    **(env or {}),
                },
                start_new_session=True,
            )
        return self

    def end(self) -> int:
        assert self.process is not None
        return self.process.wait(DEADLINE_S)

    def run(self, env: dict[str, str] | None = None, **spec: Any) -> int:
        return self.start(env, **spec).end()

    def signal(self, signum: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signum)

    @property
    def raw(self) -> bytes:
        return (self.folder / "out").read_bytes()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [
            json.loads(line[1:])
            for line in self.raw.split(b"\n")
            if line.startswith(b"\x1e") and not line.startswith(b"\x1e\x1e")
        ]

    def record(self, kind: str) -> dict[str, Any]:
        """The only record of its kind."""
        (found,) = [record for record in self.records if record["type"] == kind]
        return found

    @property
    def printed(self) -> bytes:
        """The command's own lines."""
        lines = self.raw.split(b"\n")
        kept = [line for line in lines if not line.startswith(b"\x1e") or line.startswith(b"\x1e\x1e")]
        return b"\n".join(kept)

    def says(self, line: bytes) -> Run:
        until(lambda: line in self.printed.split(b"\n"), repr(line))
        return self

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            # What it runs is in sessions of its own.
            kill_descendants(self.process.pid)
            self.process.kill()
            self.process.wait()


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path)
    yield made
    made.close()
