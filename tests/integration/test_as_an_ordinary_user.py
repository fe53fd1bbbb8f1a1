"""What depends on the user who runs it, once more as an ordinary one where the tests run as root: sandboxes, and jobs
in them. (The Hub's start as an ordinary user is in hub/test_degraded_machines.py.)"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.hub.machines import Machine
from tests.integration.hub.platform_process import REPOSITORY

FILES = (
    "tests/integration/sandbox/test_isolation.py",
    "tests/integration/sandbox/test_life.py",
    "tests/integration/sandbox/test_ports.py",
    "tests/integration/test_local_backend.py",
)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    if os.getuid() != 0:
        pytest.skip("the tests run as an ordinary user anyway")
    found = Machine("nothing")
    yield found
    found.close()


@pytest.mark.parametrize("file", FILES)
def test_as_an_ordinary_user(machine: Machine, file: str) -> None:
    temporary = machine.person / Path(file).stem
    temporary.mkdir()
    machine.own()
    done = subprocess.run(
        [
            *machine.prefix(),
            "env",
            f"TMPDIR={temporary}",
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "--numprocesses=0",
            f"--basetemp={temporary / 'tests'}",
            "-q",
            file,
        ],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_STORAGE_DIRECTORY": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    assert " passed" in done.stdout
