"""``outrider run``: upload the workspace, submit, follow, and exit with the job's code."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Callable

import click

from . import output
from .base import INTERRUPTED, OUTRIDER_FAILED, JobCommand, client, json_option
from .options import submission, submission_options

if TYPE_CHECKING:
    from ..jobs import Job


@click.command(cls=JobCommand, context_settings={"allow_interspersed_args": False})
@submission_options
@json_option
def run(as_json: bool, **options: Any) -> None:
    """Run a command as a job and follow it until it ends.

    The words after -- are the program and its arguments. A single quoted word with spaces is a shell command line, as
    is --command. Ctrl-C stops following; the job keeps running.

    \b
        outrider run -- python train.py --epochs 3
        outrider run --machine gpu-small --param lr=0.1 "python prepare.py && python train.py"
        outrider run --notebook analysis.ipynb --param year=2024

    A project's defaults can be set in outrider.toml in the workspace. With --json: one JSON document per line, each
    with a "type": job, event, line, and finally end.
    """
    try:
        job = submit(options, quiet=as_json)
    except KeyboardInterrupt:
        output.note("\nInterrupted before the submission was confirmed; see: outrider jobs list")
        raise click.exceptions.Exit(INTERRUPTED) from None
    try:
        if as_json:
            output.json_line({"type": "job", "job": job.data})
        else:
            output.note(f"Job {job.id} ({job.name})", strong=True)
            output.note(job.url)
        said = follow_to_the_end(job, as_json)
    except KeyboardInterrupt:
        if not as_json:
            output.note(
                f"\nNo longer following; the job keeps running.\n  follow again: outrider jobs logs -f {job.id}\n"
                f"  stop it:      outrider jobs stop {job.id}",
                strong=True,
            )
        raise click.exceptions.Exit(INTERRUPTED) from None
    finish(job, as_json, said)


def submit(options: dict[str, Any], *, quiet: bool) -> Job:
    """Upload the workspace and submit the job, showing progress unless ``quiet``."""
    fields = submission(client, options, quiet=quiet)
    platform = client()
    with ExitStack() as bars:
        fields["workspace"] = platform.snapshots.prepare(
            fields["workspace"],
            ignore_files=fields.pop("ignore_files", ()),
            ignore=fields.pop("ignore", ()),
            observer=_observer(bars, quiet),
        )
    return platform.jobs.create(**fields)


def _observer(bars: ExitStack, quiet: bool) -> Any:
    from ..snapshots import Observer, human_size

    shown: dict[str, Callable[[int, int | None], None]] = {}

    def show(label: str, done: int, total: int) -> None:
        if label not in shown:
            bars.close()  # one bar at a time
            shown[label] = bars.enter_context(output.bar(label, quiet=quiet))
        shown[label](done, total)

    class Told(Observer):
        def found(self, files: int, size: int) -> None:
            if not quiet:
                output.note(f"Workspace: {files} {'file' if files == 1 else 'files'}, {human_size(size)}")

        def warning(self, text: str) -> None:
            output.note(f"Warning: {text}", colour="yellow")

        def packed(self, done: int, total: int) -> None:
            show("Packing", done, total)

        def sent(self, done: int, total: int) -> None:
            show("Uploading", done, total)

        def known(self, size: int) -> None:
            if not quiet:
                output.note("The platform already has this workspace; nothing to upload.")

    return Told()


def follow_to_the_end(job: Job, as_json: bool) -> str:
    """Print the log on stdout and the timeline on stderr until the job has ended. Returns the last event's message."""
    from ..models import as_json as plain

    said = ""
    for kind, item in _both(job):
        if as_json:
            output.json_line({"type": kind, **plain(item)} if kind == "line" else {"type": kind, "event": plain(item)})
        elif kind == "line":
            click.echo(item.text, color=True)  # colours in the log are the job's own
        else:
            said = item.message
            output.note(f"· {said}")
    return said


def _both(job: Job) -> Iterator[tuple[str, Any]]:
    """Log and timeline interleaved, each read in a thread. The queue is short, so that a slow terminal exerts
    backpressure."""
    waiting: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=256)

    def pour(kind: str, items: Iterator[Any]) -> None:
        try:
            for item in items:
                waiting.put((kind, item))
            waiting.put(("end", None))
        except Exception as error:
            waiting.put(("error", error))

    for kind, items in (("event", job.events(follow=True)), ("line", job.logs(follow=True))):
        threading.Thread(target=pour, args=(kind, items), daemon=True).start()
    open_streams = 2
    while open_streams:
        kind, item = waiting.get()
        if kind == "error":
            raise item
        if kind == "end":
            open_streams -= 1
        else:
            yield kind, item


def finish(job: Job, as_json: bool, said: str = "") -> None:
    """Report how the job ended, and exit with its code."""
    job.refresh()
    if as_json:
        output.json_line({"type": "end", "job": job.data})
    else:
        output.note(outcome(job), strong=True, colour=output.COLOURS.get(job.status))
        if job.message and job.status != "succeeded" and job.message != said:
            output.note(job.message)
    raise click.exceptions.Exit(job_exit_code(job))


def outcome(job: Job) -> str:
    """A line about how a job ended."""
    reason = "" if job.reason in (None, "exited") else f" ({str(job.reason).replace('_', ' ')})"
    code = "" if job.exit_code in (None, 0) else f" with exit code {job.exit_code}"
    time = f" after {output.took(job)}" if output.took(job) else ""
    cost = f", cost {output.money(job.cost)}" if output.money(job.cost) else ""
    return f"Job {job.id} {job.status}{reason}{code}{time}{cost}"


def job_exit_code(job: Job) -> int:
    """The job's exit code; 125 if it has none. Never 0 for a job that did not succeed."""
    if job.status == "succeeded":
        return job.exit_code or 0
    if not job.exit_code:
        return OUTRIDER_FAILED
    return 128 - job.exit_code if job.exit_code < 0 else job.exit_code & 0xFF or OUTRIDER_FAILED
