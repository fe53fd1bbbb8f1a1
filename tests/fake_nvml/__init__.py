"""A stand-in for NVIDIA's management library with two GPUs, built from C: most machines have none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def build(folder: Path) -> Path:
    """The folder with a libnvidia-ml.so.1 in it, for LD_LIBRARY_PATH. Skips where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("building the stand-in for NVIDIA's library needs a C compiler")
    library, source = folder / "libnvidia-ml.so.1", Path(__file__).with_name("nvml.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source)], check=True, timeout=120)
    return folder
