"""``outrider notebooks``: notebook servers."""

from __future__ import annotations

from typing import Any

import click

from .. import values
from . import output
from .base import client, json_option
from .jobs import browse
from .options import Parsed


@click.group()
def notebooks() -> None:
    """Start, stop and manage notebook servers.

    SERVER is a server's name; omit it for the default one.
    """


@notebooks.command("list")
@json_option
def list_notebooks(as_json: bool) -> None:
    """List your notebook servers with their cost and stop time."""
    from ..models import as_json as plain

    found = client().notebooks.list()
    if as_json:
        output.document({"items": plain(found)})
        return
    output.table(
        ("server", "state", "machine", "image", "started", "stops", "cost"),
        (
            (
                notebook.server or "(default)",
                "running" if notebook.ready else notebook.pending or "stopped",
                notebook.machine,
                notebook.image,
                output.when(notebook.started_at),
                output.until(notebook.stops_at) if notebook.ready else "",
                output.money(notebook.cost),
            )
            for notebook in found
        ),
        empty="No notebook is running. Start one: outrider notebooks start",
    )


@notebooks.command()
@click.argument("server", default="")
@click.option("--image", "--container", help="Image to start.")
@click.option("--machine", "--machineType", help="Machine type; see: outrider machines.")
@click.option("--git", "git_url", metavar="URL", help="Repository to clone into its home, unless it is already there.")
@click.option("--ref", "git_ref", help="Branch, tag or commit of the repository.")
@click.option(
    "--stop-after",
    "max_age",
    type=Parsed("TIME", values.duration),
    help="Stop it after this time in any case, such as 2h.",
)
@click.option(
    "--stop-unused",
    "idle_timeout",
    type=Parsed("TIME", values.duration),
    help="Stop it after this idle time, such as 2h.",
)
@json_option
def start(server: str, as_json: bool, **chosen: Any) -> None:
    """Start a notebook server and wait until it is ready. Defaults are those of its last start."""
    from ..models import as_json as plain

    platform = client()
    for step in platform.notebooks.start(server, **chosen):
        if not as_json:
            output.note(f"· {step}")
    notebook = platform.notebooks.get(server)
    if as_json:
        output.document(plain(notebook))
    else:
        click.echo(platform.notebooks.url(notebook))


@notebooks.command()
@click.argument("server", default="")
@json_option
def stop(server: str, as_json: bool) -> None:
    """Stop a notebook server. Its files stay."""
    client().notebooks.stop(server)
    if as_json:
        output.document({"server": server, "stopped": True})
    else:
        output.note("Stopped the notebook server.")


@notebooks.command()
@click.argument("server", default="")
@json_option
def keep(server: str, as_json: bool) -> None:
    """Reset a notebook server's idle timeout."""
    from ..models import as_json as plain

    notebook = client().notebooks.keep(server)
    if as_json:
        output.document(plain(notebook))
    else:
        output.note(f"It stops {output.until(notebook.stops_at)} unless it is used.")


@notebooks.command("open")
@click.argument("server", default="")
@click.option("--print", "only_print", is_flag=True, help="Print the address instead of opening it.")
@json_option
def open_notebook(server: str, only_print: bool, as_json: bool) -> None:
    """Open a notebook server in a browser."""
    platform = client()
    browse(platform.notebooks.url(platform.notebooks.get(server)), only_print, as_json)
