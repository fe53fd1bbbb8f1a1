"""``outrider storage``: the files in /storage."""

from __future__ import annotations

import click

from . import output
from .artifacts import fetch, show_files
from .base import client, json_option


def remote(path: str) -> str:
    """A path in /storage, with or without that prefix."""
    for prefix in ("/storage/", "storage:"):
        if path.startswith(prefix):
            return path[len(prefix) :]
    return "" if path == "/storage" else path


@click.group()
def storage() -> None:
    """Manage the files in your /storage.

    All your notebooks and jobs share it. Paths can be given as jobs see them (/storage/models) or without /storage.
    """


@storage.command()
@click.argument("path", default="")
@click.option("-r", "--recursive", is_flag=True, help="Include subdirectories.")
@json_option
def ls(path: str, recursive: bool, as_json: bool) -> None:
    """List files."""
    show_files(client().storage.list(remote(path), recursive=recursive), as_json, "No files.")


@storage.command()
@click.argument("source", type=click.Path(exists=True))
@click.argument("path", default="")
@json_option
def put(source: str, path: str, as_json: bool) -> None:
    """Upload a file, or a directory with its contents.

    Like cp: into PATH if that is a directory or ends with a slash, else as PATH.
    """
    sent = []

    def warn(text: str) -> None:
        output.note(f"Warning: {text}", colour="yellow")

    with output.bar("Uploading", quiet=as_json) as show:
        for name in client().storage.put(source, remote(path), lambda _, done, total: show(done, total), warn):
            sent.append(name)
            if not as_json:
                click.echo(f"/storage/{name}")
    if as_json:
        output.document({"files": sent})
    elif not sent:
        output.note("Nothing to upload.")


@storage.command()
@click.argument("path")
@click.option("-o", "--output", "directory", default=".", show_default=True, help="Destination; - for stdout.")
@json_option
def get(path: str, directory: str, as_json: bool) -> None:
    """Download a file, or a directory with its contents."""
    fetch(client().storage, remote(path), directory, as_json)


@storage.command()
@click.argument("path")
@click.option("-r", "--recursive", is_flag=True, help="Remove a directory with its contents.")
@json_option
def rm(path: str, recursive: bool, as_json: bool) -> None:
    """Remove a file, or with -r a directory."""
    client().storage.remove(remote(path), recursive=recursive)
    if as_json:
        output.document({"path": remote(path), "deleted": True})
    else:
        output.note(f"Removed /storage/{remote(path)}.")


@storage.command()
@json_option
def use(as_json: bool) -> None:
    """Show the storage that you and your teams use, and its limits.

    Jobs' files (artifacts, logs, workspaces) and uploaded workspaces count too; the total includes them, and they are
    also shown separately. Deleting a job frees its part.
    """
    from ..models import as_json as plain
    from ..snapshots import human_size

    found = client().usage.storage()
    if as_json:
        output.document({"items": plain(found)})
        return
    output.table(
        ("whose", "used", "of which jobs", "uploads", "allowed", "measured"),
        (
            (
                holding.subject.partition(":")[2],
                *("?" if size is None else human_size(size) for size in (holding.used, holding.jobs, holding.uploads)),
                "" if holding.limit is None else human_size(holding.limit),
                output.when(holding.measured_at),
            )
            for holding in found
        ),
        empty="Nothing stored.",
    )
