"""``outrider artifacts``: jobs' artifacts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from . import output
from .base import find_job, job_argument, json_option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..files import FileTree
    from ..models import FileEntry


@click.group()
def artifacts() -> None:
    """List and download a job's artifacts."""


@artifacts.command("list")
@job_argument
@click.argument("path", default="")
@click.option("-r", "--recursive", is_flag=True, help="Include subdirectories.")
@json_option
def list_artifacts(job: str, path: str, recursive: bool, as_json: bool) -> None:
    """List a job's artifacts."""
    show_files(find_job(job).artifacts.list(path, recursive=recursive), as_json, "No artifacts.")


@artifacts.command()
@job_argument
@click.argument("path", default="")
@click.option("-o", "--output", "directory", default=".", show_default=True, help="Destination; - for stdout.")
@json_option
def get(job: str, path: str, directory: str, as_json: bool) -> None:
    """Download a job's artifacts: all of them, a directory or a file.

    Broken connections are resumed; a file appears under its name only when it is complete.
    """
    fetch(find_job(job).artifacts, path, directory, as_json)


def show_files(entries: Iterable[FileEntry], as_json: bool, empty: str) -> None:
    """Print a list of files."""
    from ..models import as_json as plain
    from ..snapshots import human_size

    if as_json:
        output.json_items(plain(entry) for entry in entries)
        return
    output.table(
        ("path", "size", "modified"),
        (
            (
                entry.path + ("/" if entry.type == "directory" else ""),
                "" if entry.type == "directory" else human_size(entry.size),
                output.when(entry.modified),
            )
            for entry in entries
        ),
        empty=empty,
    )


def fetch(tree: FileTree, path: str, directory: str, as_json: bool) -> None:
    """Download and report the files; ``directory`` may be - for a file to stdout."""
    if directory == "-":
        tree.read_into(path, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    files = []
    with output.bar("Downloading", quiet=as_json) as show:
        for file in tree.download(path, directory, lambda _, done, total: show(done, total)):
            files.append(str(file))
            if not as_json:
                click.echo(output.shown(str(file)))
    if as_json:
        output.document({"files": files})
    elif not files:
        output.note("Nothing to download.")
