"""The location of the code that is mounted into every job: the runner, and pynvml for its GPU metrics."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def runner_directory() -> Path:
    """The runner's source directory."""
    spec = importlib.util.find_spec("outrider.runner")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package outrider is not installed with the service")
    return Path(spec.origin).parent


def pynvml_file() -> Path | None:
    """The pynvml module, a single file; None if it is not installed."""
    spec = importlib.util.find_spec("pynvml")
    return Path(spec.origin) if spec is not None and spec.origin else None
