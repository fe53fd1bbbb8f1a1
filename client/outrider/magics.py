"""``%%outrider``: runs a cell as a job, from any IPython kernel. Load it with ``%load_ext outrider.magics`` if
necessary.

Its output has three forms: one for JupyterLab with Outrider, which shows the job live; HTML and plain text for
everything else, with the job's last known state."""

from __future__ import annotations

import html
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .cli.options import submission_options
from .errors import OutriderError

if TYPE_CHECKING:
    from .jobs import Job

JOB_TYPE = "application/vnd.outrider.job+json"
LAST_LINES = 20


def load_ipython_extension(shell: Any) -> None:
    """Called by ``%load_ext``."""
    shell.register_magic_function(outrider, "cell")


def outrider(line: str, cell: str) -> None:
    """Run this cell as a job and return at once. The options are those of ``outrider run``; see ``%%outrider
    --help``."""
    try:
        words = shlex.split(line)
        _send.main(args=words, prog_name="%%outrider", standalone_mode=False, obj=cell)
    except click.ClickException as error:
        error.show()
        raise _Refused from None
    except (OutriderError, ValueError) as error:
        click.echo(str(error), err=True)
        raise _Refused from None


class _Refused(Exception):
    """The error has been printed already: the cell fails without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return []


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--wait", is_flag=True, help="Wait until the job has ended; fail if it fails.")
@click.option("--bash", is_flag=True, help="The cell is a shell script instead of Python.")
@submission_options
@click.pass_obj
def _send(cell: str, /, wait: bool, bash: bool, words: tuple[str, ...], **options: Any) -> None:
    """Run this cell as a job. The notebook's folder is uploaded with it, unless that is the home directory itself:
    choose with --workspace."""
    from .cli.base import client
    from .cli.options import submission

    if words or options.get("command") or options.get("notebook"):
        raise click.UsageError("The cell is what runs; leave out the command.")
    if options.get("workspace") is None and Path.cwd().resolve() == Path.home().resolve():
        options["workspace"] = "none"
    fields = submission(client, {**options, "command": cell}, quiet=True)
    if not bash:
        del fields["command"]
        fields["args"] = ["python", "-u", "-c", cell]
    fields.setdefault("name", _name(cell))
    fields["workspace"] = client().snapshots.prepare(
        fields["workspace"], ignore_files=fields.pop("ignore_files", ()), ignore=fields.pop("ignore", ())
    )
    job = client().jobs.create(**fields)
    _show(job, wait)


def _name(cell: str) -> str:
    """The cell's first meaningful line."""
    lines = [line.strip().lstrip("# ") for line in cell.splitlines()]
    return next((line for line in lines if line), "cell")[:60]


def _show(job: Job, wait: bool) -> None:
    from IPython.display import display

    handle: Any = display(forms(job), raw=True, display_id=True)  # type: ignore[no-untyped-call]
    if not wait:
        return
    try:
        job.wait()
    except KeyboardInterrupt:
        click.echo(f"No longer waiting; {job.id} keeps running.", err=True)
        raise
    finally:
        handle.update(forms(job.refresh(), last_lines(job) if job.ended else []), raw=True)
    if job.data["status"] != "succeeded":
        click.echo(f"The job ended as {job.data['status']}: {job.data.get('message') or ''}", err=True)
        raise _Refused


def last_lines(job: Job) -> list[str]:
    return [line.text for line in job.logs(tail=LAST_LINES)]


def forms(job: Job, lines: list[str] | None = None) -> dict[str, Any]:
    """The job in each output format."""
    data = job.data
    text = f"Job {job.id} “{data['name']}” on {data['machine']}: {data['status']}"
    if data.get("exit_code") is not None:
        text += f", exit code {data['exit_code']}"
    if data.get("message"):
        text += f", {data['message']}"
    body = "\n".join(lines or [])
    log = f"<pre>{html.escape(body)}</pre>" if body else ""
    fields = ("id", "name", "status", "machine", "created_at", "finished_at")
    return {
        JOB_TYPE: {name: data.get(name) for name in fields},
        "text/html": f"<p>{html.escape(text)}</p>{log}",
        "text/plain": f"{text}\n{body}".rstrip(),
    }
