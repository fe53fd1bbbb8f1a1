"""The ``outrider`` command. Each file here is one group of commands; the work is the SDK's.

This package imports click alone at its top: HTTP and tables are loaded by the commands that need them, so
that help and completion answer at once.
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
    """Run heavy work as jobs on an Outrider platform, and look after them.

    Every command takes --json. Exit codes: `run` and `jobs wait` end with the job's own, and with 125 when
    Outrider itself failed or there is none; the others end with 0 done, 1 error, 2 wrong usage, 3 not found,
    4 not allowed or not logged in, 5 platform not reachable; all with 130 after Ctrl-C.
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
            # A job may print what this terminal cannot show; that must not end the command.
            stream.reconfigure(errors="backslashreplace")
    cli(prog_name="outrider")
