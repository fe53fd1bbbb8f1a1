"""The ``outrider`` command. Each file here is one group of commands; the SDK does the work.

Only click is imported at the top: HTTP and tables are imported by the commands that need them, so that help and
completion are fast.
"""

from __future__ import annotations

import sys

import click

from ..version import VERSION
from . import account, artifacts, images, jobs, notebooks, run, secrets, storage, usage
from .base import Root


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="outrider")
def cli() -> None:
    """Run and manage jobs on an Outrider platform.

    Every command accepts --json. Exit codes: `run` and `jobs wait` exit with the job's own code, or with 125 if
    Outrider itself failed or the job has none. The others: 0 success, 1 error, 2 usage error, 3 not found, 4 not
    allowed or not logged in, 5 platform unreachable. All: 130 after Ctrl-C.
    """


for command in (
    account.login,
    account.logout,
    run.run,
    jobs.jobs,
    artifacts.artifacts,
    storage.storage,
    notebooks.notebooks,
    images.images,
    secrets.secrets,
    usage.usage,
    account.machines,
    account.whoami,
    account.completion,
):
    cli.add_command(command)


def main() -> None:
    """Entry point of the installed script."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A job may print characters that this terminal cannot show; that must not end the command.
            stream.reconfigure(errors="backslashreplace")
    cli(prog_name="outrider")
