"""``outrider jobs``: everything about jobs except ``run``."""

from __future__ import annotations

import sys
import webbrowser
from typing import TYPE_CHECKING, Any

import click

from .. import values
from ..errors import NotFound
from . import output
from .base import JobCommand, client, find_job, job_argument, json_option
from .options import Parsed, submission_options
from .run import job_exit_code, outcome, submit

if TYPE_CHECKING:
    from ..jobs import Job

STATUSES = ("pending", "provisioning", "running", "stopping", "succeeded", "failed", "cancelled")


@click.group()
def jobs() -> None:
    """Submit, show and stop jobs.

    JOB is a job's id, a unique prefix of it, or @last for your latest job.
    """


@jobs.command(context_settings={"allow_interspersed_args": False})
@submission_options
@json_option
def create(as_json: bool, **options: Any) -> None:
    """Submit a job and print its id, without following it. Takes the same options as `outrider run`."""
    job = submit(options, quiet=as_json)
    if as_json:
        output.document(job.data)
        return
    click.echo(job.id)
    output.note(f"{job.url}\nfollow it: outrider jobs logs -f {job.id}")


@jobs.command("list")
@click.option("--status", multiple=True, type=click.Choice(STATUSES), help="Only with this status. Repeatable.")
@click.option("--project", "--projectId", help="Only this project.")
@click.option("--experiment", "--experimentId", help="Only this experiment.")
@click.option("--owner", help="Only this user's jobs.")
@click.option("--group", help="Only jobs billed to this group.")
@click.option("--tag", help="Only with this tag.")
@click.option("-q", "--search", "q", help="Only with this text in the name or command.")
@click.option("--limit", type=click.IntRange(1), default=25, show_default=True, help="Maximum number of jobs.")
@json_option
def list_jobs(as_json: bool, limit: int, status: tuple[str, ...], **filters: str | None) -> None:
    """List jobs, newest first."""
    found = client().jobs.list(limit=limit, status=list(status) or None, **filters)
    if as_json:
        output.json_items(job.data for job in found)
        return
    output.table(
        ("id", "name", "status", "machine", "created", "time", "cost"),
        (
            (
                job.id,
                job.name,
                job.status,
                job.machine,
                output.when(job.created_at),
                output.took(job),
                output.money(job.cost),
            )
            for job in found
        ),
        empty="No jobs. Run one: outrider run -- python train.py",
    )


@jobs.command()
@job_argument
@json_option
def show(job: str, as_json: bool) -> None:
    """Show one job."""
    found = find_job(job)
    if as_json:
        output.document(found.data)
        return
    output.pairs(_facts(found))


def _facts(job: Job) -> list[tuple[str, Any]]:
    command = job.command or (" ".join(job.args) if job.args else job.notebook)
    progress = job.progress or {}
    total = progress.get("total")
    return [
        ("id", job.id),
        ("name", job.name),
        ("status", job.status + (f" ({job.reason})" if job.reason else "")),
        ("message", job.message),
        ("exit code", job.exit_code),
        ("queue", f"queue position {job.queue_position}" if job.queue_position else None),
        ("progress", f"{progress.get('done')}" + (f" of {total}" if total else "") if progress else None),
        ("runs", command),
        ("image", job.image),
        ("machine", job.machine),
        ("owner", job.owner),
        ("group", job.group),
        ("project", job.project),
        ("experiment", job.experiment),
        ("tags", ", ".join(job.tags or [])),
        ("workspace", " ".join(str(value) for value in (job.workspace or {}).values() if value)),
        ("params", ", ".join(f"{name}={value}" for name, value in (job.params or {}).items())),
        *((f"port {port['port']}", port["url"]) for port in job.ports or []),
        ("created", output.when(job.created_at)),
        ("ran", output.took(job)),
        ("attempt", job.attempt if job.attempt and job.attempt > 1 else None),
        ("cost", output.money(job.cost)),
        ("clone of", job.parent_id),
        ("page", job.url),
    ]


@jobs.command()
@job_argument
@click.option("-f", "--follow", is_flag=True, help="Follow until the job has ended.")
@click.option("--tail", type=click.IntRange(0, 100_000), help="Only this many last lines.")
@click.option("--after", "--line", type=click.IntRange(0), default=0, help="Only lines after this number.")
@click.option("--limit", type=click.IntRange(1), help="Maximum number of lines.")
@click.option("-q", "--search", help="Only lines with this text.")
@json_option
def logs(
    job: str, follow: bool, tail: int | None, after: int, limit: int | None, search: str | None, as_json: bool
) -> None:
    """Print a job's log. With --json --follow: one JSON document per line."""
    from itertools import islice

    from ..models import as_json as plain

    lines = islice(find_job(job).logs(follow=follow, after=after, tail=tail, search=search), limit)
    if as_json and not follow:
        output.json_items(plain(line) for line in lines)
        return
    for line in lines:
        if as_json:
            output.json_line(plain(line))
        else:
            click.echo(line.text, color=True)


@jobs.command()
@job_argument
@json_option
def stop(job: str, as_json: bool) -> None:
    """Stop a job; does nothing to one that has ended."""
    found = find_job(job)
    had_ended = found.ended
    found.stop()
    if as_json:
        output.document(found.data)
    elif had_ended:
        output.note(f"Job {found.id} has already ended: {found.status}.")
    else:
        output.note(f"Stopping job {found.id}. Wait for its end: outrider jobs wait {found.id}")


@jobs.command()
@job_argument
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
def delete(job: str, yes: bool, as_json: bool) -> None:
    """Stop a job and permanently delete its log and artifacts. /storage is not affected."""
    found = find_job(job)
    if not yes and not as_json and sys.stdin.isatty():
        click.confirm(f"Delete {found.id} ({found.name}) with its log and artifacts?", abort=True, err=True)
    found.delete()
    if as_json:
        output.document({"id": found.id, "deleted": True})
    else:
        output.note(f"Deleted job {found.id}.")


@jobs.command(cls=JobCommand)
@job_argument
@click.option(
    "--timeout", type=Parsed("TIME", values.duration), help="Give up after 90s, 30m, …; the job keeps running."
)
@json_option
def wait(job: str, timeout: int | None, as_json: bool) -> None:
    """Wait until a job has ended, and exit with its exit code."""
    found = find_job(job).wait(timeout)
    if as_json:
        output.document(found.data)
    else:
        output.note(outcome(found))
        if found.message and found.status != "succeeded":
            output.note(found.message)
    raise click.exceptions.Exit(job_exit_code(found))


@jobs.command()
@job_argument
@click.option("--name", help="A name for the new job.")
@click.option("--latest", is_flag=True, help="Use the current image of the tag and the current Git revision.")
@json_option
def clone(job: str, name: str | None, latest: bool, as_json: bool) -> None:
    """Run a job again with the same code, image and parameters."""
    made = find_job(job).clone(name=name, latest=latest)
    if as_json:
        output.document(made.data)
        return
    click.echo(made.id)
    output.note(f"{made.url}\nfollow it: outrider jobs logs -f {made.id}")


@jobs.command()
@job_argument
@click.argument("chart", required=False)
@click.option("-f", "--follow", is_flag=True, help="Print new points until the job has ended.")
@click.option("--points", type=click.IntRange(2), default=2000, show_default=True, help="Points per series.")
@click.option("--attempt", type=click.IntRange(1), help="Only this attempt.")
@click.option("--series", help="Only this series.")
@json_option
def metrics(
    job: str,
    chart: str | None,
    follow: bool,
    points: int,
    attempt: int | None,
    series: str | None,
    as_json: bool,
) -> None:
    """List a job's charts with their last values, or draw one."""
    found = find_job(job)
    if follow:
        _follow_points(found, chart, as_json)
    elif chart is None:
        _list_charts(found, as_json)
    else:
        _draw_chart(found, chart, points, attempt, series, as_json)


def _follow_points(job: Job, chart: str | None, as_json: bool) -> None:
    from ..models import as_json as plain

    for batch in job.follow_metrics():
        if chart is not None and batch.chart != chart:
            continue
        if as_json:
            output.json_line(plain(batch))
            continue
        name = batch.chart + (f" {batch.series}" if batch.series else "")
        for x, y in zip(batch.x, batch.y):
            click.echo(f"{name}\t{x:g}\t{y:g}")


def _list_charts(job: Job, as_json: bool) -> None:
    from ..models import as_json as plain
    from .chart import number

    charts = job.charts()
    if as_json:
        output.document({"items": plain(charts)})
        return
    output.table(
        ("chart", "series", "attempt", "points", "last x", "last y"),
        (
            (chart.chart, series.name, series.attempt, series.count, number(series.x), number(series.y))
            for chart in charts
            for series in chart.series
        ),
        empty='No charts yet. A job creates one by printing {"chart": "loss", "y": 0.3, "x": 1}.',
    )


def _draw_chart(job: Job, name: str, points: int, attempt: int | None, series: str | None, as_json: bool) -> None:
    from ..models import as_json as plain
    from .chart import draw, number

    chart = job.chart(name, points=points, attempt=attempt, series=series)
    if as_json:
        output.document(plain(chart))
        return
    if not sys.stdout.isatty():
        for curve in chart.series:
            for x, y in zip(curve.x, curve.y):
                click.echo(f"{curve.name}\t{x:g}\t{y:g}")
        return
    width, height = _terminal()
    for line in draw([list(zip(curve.x, curve.y)) for curve in chart.series], min(width, 100), min(height - 8, 18)):
        click.echo(line)
    click.secho(f"{chart.chart} by {chart.axis or 'x'}", bold=True)
    for curve in chart.series:
        if curve.y:
            label = f"{curve.name or chart.chart}, attempt {curve.attempt}"
            output.note(f"{label}: last {number(curve.y[-1])}, of {curve.total} points")


def _terminal() -> tuple[int, int]:
    import shutil

    size = shutil.get_terminal_size()
    return size.columns, size.lines


@jobs.command()
@job_argument
@click.option("-f", "--follow", is_flag=True, help="Follow until the job has ended.")
@json_option
def events(job: str, follow: bool, as_json: bool) -> None:
    """Print a job's timeline. With --json --follow: one JSON document per line."""
    from ..models import as_json as plain

    found = find_job(job).events(follow=follow)
    if as_json and not follow:
        output.json_items(plain(event) for event in found)
        return
    for event in found:
        if as_json:
            output.json_line(plain(event))
        else:
            moment = event.time.astimezone().strftime("%Y-%m-%d %H:%M:%S") if event.time else ""
            click.echo(f"{moment}  {event.message}")


@jobs.command("open")
@job_argument
@click.option("--port", type=int, help="Open this port of the job instead of its page.")
@click.option("--print", "only_print", is_flag=True, help="Print the address instead of opening it.")
@json_option
def open_job(job: str, port: int | None, only_print: bool, as_json: bool) -> None:
    """Open a job's page, or one of its ports, in a browser."""
    found = find_job(job)
    address = found.url
    if port is not None:
        known = {entry["port"]: entry["url"] for entry in found.ports or []}
        if port not in known:
            declared = ", ".join(str(number) for number in known) or "none"
            raise NotFound(f"Job {found.id} has not declared port {port}; declared: {declared}.")
        address = known[port]
    browse(address, only_print, as_json)


def browse(address: str, only_print: bool, as_json: bool) -> None:
    """Open an address in a browser; print it if there is none or if asked to."""
    if as_json:
        output.document({"url": address})
    elif only_print or not sys.stdout.isatty() or not webbrowser.open(address):
        click.echo(address)
