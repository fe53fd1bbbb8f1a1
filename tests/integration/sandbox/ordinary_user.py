"""Launching a sandbox as an ordinary user, from tests that run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import outrider_sandbox as sandbox
from outrider_sandbox.spec import encode

NOBODY = 65534
PYTHON = "/usr/bin/python3"
_LAUNCH = """
import sys
sys.path.insert(0, sys.argv[1])
import outrider_sandbox as sandbox
from outrider_sandbox.spec import decode
sandbox.launch(sys.argv[2], decode(sys.stdin.buffer.read()))
"""


class OrdinaryUser:
    """Nobody, with a copy of the code that they may read, and directories of their own."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="outrider-nobody-"))
        shutil.copytree(Path(sandbox.__file__).parent, self.home / "code" / "outrider_sandbox")
        for path in [self.home, *self.home.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)

    def folder(self) -> Path:
        folder = Path(tempfile.mkdtemp(dir=self.home))
        os.chown(folder, NOBODY, NOBODY)
        return folder

    def launch(self, folder: Path, spec: sandbox.Spec) -> None:
        nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        subprocess.run(
            [*nobody, PYTHON, "-c", _LAUNCH, str(self.home / "code"), str(folder)],
            input=encode(spec),
            check=True,
            timeout=60,
            cwd="/",
        )

    def close(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)
