"""Output: results on stdout, everything else on stderr.

Tables, colours and progress bars appear only on a terminal; programs get plain text or JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable

import click

from ..values import ago

if TYPE_CHECKING:
    from ..jobs import Job

LONG_AGO_S = 30 * 86400
COLOURS = {
    "succeeded": "green",
    "failed": "red",
    "cancelled": "yellow",
    "stopping": "yellow",
    "running": "cyan",
}


def document(value: Any) -> None:
    """One JSON document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def json_line(value: Any) -> None:
    """One line of a stream of JSON documents."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def json_items(items: Iterable[Any]) -> None:
    """One JSON document with many items, written as they come."""
    out = sys.stdout
    out.write('{"items": [')
    for index, item in enumerate(items):
        out.write(",\n" if index else "\n")
        out.write(json.dumps(item, ensure_ascii=False, default=str))
    out.write("\n]}\n")


def note(text: str, *, strong: bool = False, colour: str | None = None) -> None:
    """Print a progress message to stderr."""
    click.secho(text, err=True, bold=strong, fg=colour, dim=not strong and colour is None)


def shown(text: str) -> str:
    """Untrusted text, without control characters on a terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text) if sys.stdout.isatty() else text


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print a table on a terminal, tab-separated rows elsewhere."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in [[name.upper() for name in columns], *texts]:
            click.echo("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row))
        return
    if not texts:
        note(empty)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in columns:
        grid.add_column(name.upper(), overflow="fold")
    for row in texts:
        grid.add_row(*(Text(shown(cell), style=COLOURS.get(cell, "")) for cell in row))
    Console(highlight=False).print(grid)


def pairs(rows: Iterable[tuple[str, Any]]) -> None:
    """Print names and values; None is left out."""
    known = [(name, str(value)) for name, value in rows if value not in (None, "", [], {})]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        click.echo(click.style(f"{name:<{width}}", bold=True) + f"  {value}")


def when(moment: datetime | None) -> str:
    """A relative time; the date if it is older than a month."""
    if moment is None:
        return ""
    seconds = (datetime.now(timezone.utc) - moment).total_seconds()
    return ago(seconds) + " ago" if seconds < LONG_AGO_S else f"{moment.astimezone():%Y-%m-%d}"


def until(moment: datetime | None) -> str:
    if moment is None:
        return "never"
    return "in " + ago((moment - datetime.now(timezone.utc)).total_seconds())


def money(amount: float | None) -> str:
    """A cost; empty for zero."""
    if not amount:
        return ""
    return f"{amount:.2f}" if amount >= 0.01 else "< 0.01"


def price_per_hour(amount: float) -> str:
    if not amount:
        return "no charge"
    return f"{amount:.2f}" if amount >= 0.01 else f"{amount:.1g}"


def clock(hours: float) -> str:
    """A duration as the web pages show it: 12:05:07."""
    seconds = round(hours * 3600)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def took(job: Job) -> str:
    """How long a job ran or has been running."""
    if job.started_at is None:
        return ""
    return ago(((job.finished_at or datetime.now(timezone.utc)) - job.started_at).total_seconds())


@contextmanager
def bar(label: str, *, quiet: bool = False) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar of bytes on stderr; yields a function of done and total."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
