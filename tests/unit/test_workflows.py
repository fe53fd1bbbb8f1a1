"""The GitHub workflows are well formed, and run what the Makefile has."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.cluster.harness.programs import Missing, go_programs

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.timeout(600)
def test_actionlint_finds_nothing() -> None:
    program = shutil.which("actionlint")
    if program is None:
        try:
            program = str(go_programs("actionlint")["actionlint"])
        except (Missing, FileNotFoundError) as error:
            pytest.skip(f"actionlint is not installed, and cannot be built without Go: {error}")
    done = subprocess.run([program, "-no-color", *map(str, WORKFLOWS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_they_run_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for path in WORKFLOWS:
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            for step in job["steps"]:
                for line in re.findall(r"\bmake ((?:[a-z-]+ ?)+)", step.get("run", "")):
                    assert set(line.split()) <= targets, line
