"""The `outrider` command as tests call it, and what it then sent."""

from __future__ import annotations

from click.testing import CliRunner, Result

from outrider.cli import cli
from tests.unit.client.platform import Platform


def outrider(*args: str, **options: object) -> Result:
    return CliRunner().invoke(cli, list(args), **options)  # type: ignore[arg-type]


def submitted(platform: Platform) -> dict[str, object]:
    """The job that came last."""
    return list(platform.jobs.values())[-1]
