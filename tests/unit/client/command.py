"""The `outrider` command as tests call it, and what it then sent."""

from __future__ import annotations

from inspect import signature
from typing import Any

from click.testing import CliRunner, Result

from outrider.cli import cli
from tests.unit.client.platform import Platform

# Before click 8.2 it mixes both outputs unless told otherwise.
APART: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}


def outrider(*args: str, **options: object) -> Result:
    return CliRunner(**APART).invoke(cli, list(args), **options)  # type: ignore[arg-type]


def submitted(platform: Platform) -> dict[str, object]:
    """The job that came last."""
    return list(platform.jobs.values())[-1]
