"""The options of ``run`` and ``jobs create``, including Gradient's spellings, and the submission they make."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, TypeVar

import click

from .. import values
from ..errors import WorkspaceError
from . import output, project

if TYPE_CHECKING:
    from ..client import Client
    from ..models import Machine

F = TypeVar("F", bound=Callable[..., Any])


class Parsed(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click alone
    """An option type parsed by a function of ``values``."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _ports(text: str) -> list[int]:
    return [values.port(part) for part in text.split(",") if part.strip()]


def _env(text: str) -> dict[str, str]:
    """``K=V``; ``K`` alone takes the value from this environment; or a JSON object as in Gradient's --envVars."""
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text)
        except ValueError as error:
            raise ValueError(f"invalid JSON: {error}") from None
        return {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}
    if "=" not in text:
        if text not in os.environ:
            raise ValueError(f"{text!r} is not set in this environment; write {text}=VALUE")
        return {text: os.environ[text]}
    name, value = values.pair(text)
    return {name: value}


def _param(text: str) -> tuple[str, Any]:
    name, value = values.pair(text)
    return name, values.param(value)


_OPTIONS: tuple[Callable[[F], F], ...] = (
    click.option("--name", help="Name of the job."),
    click.option("--image", "--container", help="Image to run in, such as python:3.11."),
    click.option("--machine", "--machineType", help="Machine type; see: outrider machines."),
    click.option("--command", metavar="LINE", help="Shell command line to run, instead of words after --."),
    click.option(
        "--workspace",
        metavar="DIR|ZIP|GIT-URL[@REF]|none",
        help="Code to start with. Default: the current directory, minus files that Git ignores.",
    ),
    click.option(
        "--ignore-file",
        "ignore_file",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File with more ignore rules for the workspace, in Git's format. Repeatable.",
    ),
    click.option("--ignoreFiles", "ignore", metavar="A,B", help="Patterns to exclude, separated by commas."),
    click.option(
        "--env",
        "--envVars",
        multiple=True,
        type=Parsed("K=V", _env),
        help="Environment variable; K alone takes its current value; or a JSON object. Repeatable.",
    ),
    click.option(
        "--param",
        multiple=True,
        type=Parsed("K=V", _param),
        help="Parameter, available as $PARAM_K and in $OUTRIDER_PARAMS; numbers stay numbers. Repeatable.",
    ),
    click.option(
        "--port",
        "--ports",
        multiple=True,
        type=Parsed("N", _ports),
        help="Port that the job listens on (in EXT:INT the second). Repeatable.",
    ),
    click.option("--project", "--projectId", help="Project that the job belongs to."),
    click.option("--experiment", "--experimentId", help="Experiment that the job belongs to."),
    click.option("--tag", multiple=True, help="Label to find the job by. Repeatable."),
    click.option("--timeout", type=Parsed("TIME", values.duration), help="Stop the job after 90s, 30m, 2h, …"),
    click.option("--retries", type=click.IntRange(0, 100), help="Number of retries if it fails."),
    click.option(
        "--priority", type=click.IntRange(-100, 100), help="Jobs with a higher priority start first. Default: 0."
    ),
    click.option("--nodes", type=click.IntRange(1), help="Number of machines to run on at once."),
    click.option("--notebook", metavar="FILE", help="Run this notebook (.ipynb) of the workspace, cell by cell."),
    click.option(
        "--input",
        "inputs",
        multiple=True,
        type=Parsed("NAME=JOB", values.pair),
        help="Another job's artifacts as /inputs/NAME. Repeatable.",
    ),
    click.option("--secret", multiple=True, metavar="NAME", help="Secret to add to the environment. Repeatable."),
    click.option("--shm", type=Parsed("SIZE", values.mebibytes), help="Size of /dev/shm, such as 2g."),
    click.option("--public", is_flag=True, default=None, help="Let anybody reach the job's ports."),
    click.option("--group", help="Group to bill, whose members may see the job."),
    click.option("--cluster", help="Where to run, if the platform has several."),
    click.option("--idempotency-key", metavar="KEY", help="Submitting again with this key returns the same job."),
    click.option("--workingDirectory", "working_directory", metavar="DIR", help="Change to this directory first."),
    click.option(
        "--isPreemptible",
        "preemptible",
        is_flag=True,
        help="Use the preemptible machine type that matches --machine, or the cheapest; notes it if there is none.",
    ),
)


def submission_options(command: F) -> F:
    """Decorator that adds all options and the command's words."""
    command = click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND [ARG]...]")(command)
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def submission(connect: Callable[[], Client], options: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """Arguments for ``jobs.create``, with the workspace not yet sent. Everything that can be checked locally is checked
    before the first request."""
    given = {name: value for name, value in options.items() if value not in (None, ())}
    workspace = given.pop("workspace", ".")
    defaults = project.defaults(workspace)
    fields: dict[str, Any] = {
        name: given.get(name, defaults.get(name))
        for name in [
            "name",
            "image",
            "machine",
            "project",
            "experiment",
            "timeout",
            "retries",
            "priority",
            "nodes",
            "shm",
            "public",
            "group",
            "cluster",
        ]
    }
    fields["env"] = {
        **defaults.get("env", {}),
        **{k: v for pair in given.get("env", ()) for k, v in pair.items()},
    }
    fields["params"] = {**defaults.get("params", {}), **dict(given.get("param", ()))}
    fields["ports"] = list(dict.fromkeys([p for ports in given.get("port", ()) for p in ports])) or defaults.get(
        "ports", []
    )
    fields["tags"] = list(given.get("tag", ())) or defaults.get("tags", [])
    fields["secrets"] = list(given.get("secret", ())) or defaults.get("secrets", [])
    fields.update(_what_to_run(given, defaults, workspace))
    inputs = {**defaults.get("inputs", {}), **dict(given.get("inputs", ()))}
    fields["inputs"] = {name: connect().jobs.find(job).id for name, job in inputs.items()}
    fields["idempotency_key"] = given.get("idempotency_key")
    fields["ignore_files"] = list(given.get("ignore_file", ()))
    fields["ignore"] = [*defaults.get("ignore", []), *_commas(given.get("ignore", ""))]
    fields["workspace"] = workspace
    if given.get("preemptible"):
        fields["machine"] = _preemptible(connect(), fields["machine"], quiet)
    return {name: value for name, value in fields.items() if value not in (None, [], {})}


def _commas(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _what_to_run(given: dict[str, Any], defaults: dict[str, Any], workspace: str) -> dict[str, Any]:
    words: Sequence[str] = given.get("words", ())
    command, notebook = given.get("command"), given.get("notebook")
    if sum(bool(kind) for kind in (words, command, notebook)) > 1:
        raise click.UsageError("Specify what to run only once: words after --, or --command, or --notebook.")
    if not (words or command or notebook):
        command, notebook = defaults.get("command"), defaults.get("notebook")
    place = given.get("working_directory")
    if notebook:
        if place:
            raise click.UsageError("--workingDirectory: not possible with a notebook, which runs in its own directory.")
        return {"notebook": _notebook_path(notebook, workspace)}
    if len(words) == 1 and any(char.isspace() for char in words[0]):
        command = words[0]  # quoted as one: a shell line
    if command is not None:
        if not command.strip():
            raise click.UsageError("The command is empty.")
        return {"command": f"cd -- {shlex.quote(place)} || exit; {command}" if place else command}
    if not words:
        raise click.UsageError("Specify what to run, as in: outrider run -- python train.py")
    if not words[0].strip():
        raise click.UsageError("The command is empty.")
    if place:
        return {"command": f"cd -- {shlex.quote(place)} && exec {shlex.join(words)}"}
    return {"args": list(words)}


def _notebook_path(text: str, workspace: str) -> str:
    """A notebook's path in the workspace, given relative to the current directory."""
    if workspace == "none":
        raise click.UsageError("--notebook: needs a workspace, but the workspace is none.")
    root = Path(workspace)
    if not text.endswith(".ipynb"):
        raise click.UsageError(f"--notebook: {text} is not an .ipynb file.")
    if "://" in workspace or not root.is_dir():
        return text
    if not Path(text).is_absolute() and (root / text).is_file():
        return Path(os.path.normpath(text)).as_posix()
    if not Path(text).is_file():
        raise WorkspaceError(f"There is no {text} in the workspace {root.resolve()}.")
    try:
        return Path(text).resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        raise WorkspaceError(f"{text} lies outside the workspace {root.resolve()}.") from None


def _preemptible(client: Client, machine: str | None, quiet: bool) -> str | None:
    machines = client.machines()
    chosen = cheapest_preemptible(machines, machine)
    if not any(found.preemptible for found in machines if found.name == chosen):
        output.note("--isPreemptible: there is no matching preemptible machine type; using a normal one.")
    elif not quiet:
        output.note(f"Preemptible: using machine type {chosen}.")
    return chosen


def cheapest_preemptible(machines: list[Machine], like: str | None) -> str | None:
    """The cheapest preemptible machine type with at least the resources of ``like``; ``like`` itself if there is
    none."""
    base = next((found for found in machines if found.name == like), None)
    if base is not None and base.preemptible:
        return like
    fitting = [
        found
        for found in machines
        if found.preemptible
        and (
            like is None
            or (
                base is not None
                and (found.gpu, found.gpu_model) == (base.gpu, base.gpu_model)
                and found.cpu >= base.cpu
                and found.memory_mb >= base.memory_mb
            )
        )
    ]
    return min(fitting, key=lambda found: found.price_per_hour).name if fitting else like
