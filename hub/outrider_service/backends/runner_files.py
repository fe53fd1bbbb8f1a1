"""Where the code lies that every job brings along: the runner, and the module with which it reads GPUs."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def runner_directory() -> Path:
    """Where the runner's code lies."""
    spec = importlib.util.find_spec("outrider.runner")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package outrider is not installed beside the service")
    return Path(spec.origin).parent


def pynvml_file() -> Path | None:
    """The pynvml module (it is one file), which the runner of every environment is given."""
    spec = importlib.util.find_spec("pynvml")
    return Path(spec.origin) if spec is not None and spec.origin else None
