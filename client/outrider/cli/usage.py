"""``outrider usage``: hours and costs."""

from __future__ import annotations

import click

from . import output
from .base import client, json_option

NAMES = ("user", "group", "project", "machine", "kind", "day")
DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option(
    "--by", multiple=True, type=click.Choice(NAMES), help="Dimension to sum by. Repeatable; the default is machine."
)
@click.option("--since", type=DAY, metavar="YYYY-MM-DD", help="First day; the default is the first of the month.")
@click.option("--until", type=DAY, metavar="YYYY-MM-DD", help="Last day; the default is today.")
@click.option("--project", help="Only this project.")
@click.option("--group", help="Only what is billed to this group.")
@click.option("--user", help="Only this user.")
@click.option("--all", "everybody", is_flag=True, help="Everybody's; administrators only.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
def usage(
    by: tuple[str, ...],
    since: object,
    until: object,
    project: str | None,
    group: str | None,
    user: str | None,
    everybody: bool,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Show the hours and costs of notebooks and jobs.

    Yours and your groups'. Days are in UTC.
    """
    from ..models import as_json as plain

    names = by or ("machine",)
    filters = {
        "since": f"{since:%Y-%m-%d}" if since else None,
        "until": f"{until:%Y-%m-%d}" if until else None,
        "project": project,
        "group": group,
        "user": user,
        "all": True if everybody else None,
    }
    if as_csv:
        click.echo(client().usage.csv(names, **filters), nl=False)
        return
    report = client().usage.report(names, **filters)
    if as_json:
        output.document(plain(report))
        return
    rows = [([row.keys[name] or "(none)" for name in names], row) for row in report.items]
    if len(rows) > 1:
        rows.append((["total", *[""] * (len(names) - 1)], report.total))
    output.table(
        (*names, "hours", "GPU hours", "cost"),
        (
            (
                *keys,
                output.clock(row.hours),
                output.clock(row.gpu_hours) if row.gpu_hours else "",
                output.money(row.cost),
            )
            for keys, row in rows
        ),
        empty=f"Nothing ran from {report.since} to {report.until}.",
    )
