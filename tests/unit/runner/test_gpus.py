"""GPUs as NVIDIA's own Python module sees them, with a small library in the place of the driver's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pynvml
import pytest

from tests.fake_nvml import build

RUNNER = Path(__file__).parents[3] / "client" / "outrider"
LOOK = (
    "import json, sys; sys.path.insert(0, sys.argv[1]); from runner.gpus import Gpus;"
    "print(json.dumps(Gpus(sys.argv[2] or None).look()))"
)


def look(path: str, **env: str) -> list[dict[str, object]]:
    """As the runner does it: in a Python without site-packages."""
    words = [sys.executable, "-I", "-S", "-c", LOOK, str(RUNNER), path]
    done = subprocess.run(words, env={**os.environ, **env}, capture_output=True, check=True, timeout=60)
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("nvml"))


def test_each_gpu_is_reported_and_what_one_does_not_know_is_null(driver: Path) -> None:
    first, second = look(str(Path(pynvml.__file__).parent), LD_LIBRARY_PATH=str(driver))
    assert first == {
        "index": 0,
        "uuid": "GPU-fake-0",
        "name": "Fake H100",
        "utilisation": 40,
        "memory_used": 10 << 30,
        "memory_total": 80 << 30,
        "power": 312.5,
        "temperature": 60,
    }
    assert second["power"] is None
    assert (second["utilisation"], second["temperature"], second["uuid"]) == (41, 61, "GPU-fake-1")


def test_without_the_module_there_are_no_gpus(tmp_path: Path) -> None:
    assert look("") == []
    assert look(str(tmp_path / "gone")) == []


def test_a_module_that_cannot_be_loaded_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "pynvml.py").write_text("raise SystemError('from another Python')")
    assert look(str(tmp_path)) == []
