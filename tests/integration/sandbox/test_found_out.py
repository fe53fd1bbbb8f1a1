"""What is found out about a machine whose programs are there and do not do what they should."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import outrider_sandbox as sandbox

from .conftest import CAN

FOUND = """
import json, outrider_sandbox as s
can = s.usable()
print(json.dumps([can.isolation, can.network, can.notes]))
"""
OLD_BWRAP = """
case "$*" in --args*) words=$(tr '\\0' '\\n' <"/proc/self/fd/$2") ;; *) words=$* ;; esac
case "$words" in *--perms*) echo "bwrap: Unknown option --perms" >&2; exit 1 ;; esac
exec REAL "$@"
"""
pytestmark = pytest.mark.skipif(not CAN.bubblewrap, reason=" ".join(CAN.notes))


def found_with(folder: Path, program: str, script: str) -> tuple[str, str, list[str]]:
    """What a process finds that finds this script in the place of a program."""
    path = folder / program
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-c", FOUND], env=environment, capture_output=True, text=True, timeout=200, check=True
    )
    isolation, network, notes = json.loads(done.stdout)
    return isolation, network, notes


def test_a_bwrap_that_is_too_old_is_not_used(tmp_path: Path) -> None:
    """It makes sandboxes, but knows only some of the options that real ones have."""
    script = OLD_BWRAP.replace("REAL", shutil.which("bwrap") or "")
    isolation, _, notes = found_with(tmp_path, "bwrap", script)
    assert isolation == "plain"
    assert "Unknown option --perms" in notes[0] and "bubblewrap may be older" in notes[0]


@pytest.mark.skipif(CAN.network != "full", reason=" ".join(CAN.notes))
def test_a_slirp4netns_that_fails_is_not_used(tmp_path: Path) -> None:
    isolation, network, notes = found_with(tmp_path, "slirp4netns", "exit 1")
    assert (isolation, network) == ("bubblewrap", "web")
    assert "slirp4netns does not work here" in notes[0]


def test_what_works_goes_into_specifications(tmp_path: Path) -> None:
    """A word that no supervisor knows is refused before anything of it is on disk."""
    with pytest.raises(ValueError, match="network"):
        sandbox.launch(tmp_path, sandbox.Spec(id="x", argv=["true"], network="some"))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
