"""Shared by all commands: the client, errors as messages and exit codes, the ``--json`` option."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Callable, TypeVar

import click

from ..errors import (
    Forbidden,
    NotFound,
    NotLoggedIn,
    OutriderError,
    Unauthorized,
    Unreachable,
)

if TYPE_CHECKING:
    from ..client import Client
    from ..jobs import Job

F = TypeVar("F", bound=Callable[..., Any])

OUTRIDER_FAILED = 125
"""Exit code of `run` and `wait` for errors that are not the job's."""
INTERRUPTED = 130


def exit_code(error: OutriderError) -> int:
    """The exit code for an exception."""
    if isinstance(error, NotFound):
        return 3
    if isinstance(error, (Unauthorized, Forbidden, NotLoggedIn)):
        return 4
    return 5 if isinstance(error, Unreachable) else 1


class Root(click.Group):
    """A command whose exceptions become a message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        try:
            return super().invoke(ctx)
        except OutriderError as error:
            show(error, ctx)
            ctx.exit(OUTRIDER_FAILED if _ends_with_job(ctx) else exit_code(error))
        except click.UsageError as error:
            if not _ends_with_job(ctx):
                raise
            error.show()
            ctx.exit(OUTRIDER_FAILED)
        except KeyboardInterrupt:
            click.echo(err=True)
            ctx.exit(INTERRUPTED)


def show(error: OutriderError, ctx: click.Context) -> None:
    """Print an error to stderr: a message, or JSON with ``--json``."""
    if ctx.meta.get("outrider.json"):
        document = {"status": error.status, "message": error.message, "field": error.field}
        click.echo(json.dumps(document), err=True)
    else:
        click.secho(f"outrider: {error}", fg="red", err=True)


def _ends_with_job(ctx: click.Context) -> bool:
    return bool(ctx.meta.get("outrider.ends_with_job"))


class JobCommand(click.Command):
    """A command that exits with the job's code, and so with 125 for any other error."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if parent is not None:
            parent.meta["outrider.ends_with_job"] = True
        return super().make_context(info_name, args, parent, **extra)


def json_option(command: F) -> F:
    """``--json``, as ``as_json``."""

    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
        ctx.meta["outrider.json"] = value
        return value

    option = click.option("--json", "as_json", is_flag=True, is_eager=True, callback=remember, help="Print JSON.")
    return option(command)


def client() -> Client:
    """The client for the platform from the environment or the stored login."""
    from ..client import Client

    meta = click.get_current_context().meta
    if "outrider.client" not in meta:
        meta["outrider.client"] = Client()
        click.get_current_context().find_root().call_on_close(meta["outrider.client"].close)
    made: Client = meta["outrider.client"]
    return made


def find_job(reference: str) -> Job:
    return client().jobs.find(reference)


def job_argument(command: F) -> F:
    """``JOB``: an id, a unique prefix of one, or @last."""
    return click.argument("job", metavar="JOB")(command)
