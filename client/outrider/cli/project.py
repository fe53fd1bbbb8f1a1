"""``outrider.toml`` in the workspace: defaults for a project's jobs.

    [run]
    machine = "gpu-small"
    image = "python:3.11"
    env = { WANDB_MODE = "offline" }
    params = { lr = 0.1 }

The command line takes precedence; ``env``, ``params`` and ``inputs`` are merged.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from .. import values
from ..errors import WorkspaceError

NAME = "outrider.toml"

_TEXT = (str,)
_NUMBER = (int,)
_TEXT_OR_NUMBER = (str, int)
_KINDS: dict[str, tuple[type, ...]] = {
    "name": _TEXT,
    "image": _TEXT,
    "machine": _TEXT,
    "command": _TEXT,
    "notebook": _TEXT,
    "project": _TEXT,
    "experiment": _TEXT,
    "group": _TEXT,
    "cluster": _TEXT,
    "timeout": _TEXT_OR_NUMBER,
    "shm": _TEXT_OR_NUMBER,
    "retries": _NUMBER,
    "priority": _NUMBER,
    "nodes": _NUMBER,
    "public": (bool,),
    "env": (dict,),
    "params": (dict,),
    "inputs": (dict,),
    "ports": (list,),
    "tags": (list,),
    "secrets": (list,),
    "ignore": (list,),
}


def defaults(workspace: str) -> dict[str, Any]:
    """The defaults in the workspace's file; empty if it is not a directory or has no such file."""
    if "://" in workspace or workspace == "none":
        return {}
    file = Path(workspace) / NAME
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise WorkspaceError(f"{file} cannot be read: {error}") from error
    return check(_parse(text, file), file)


def _parse(text: str, file: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WorkspaceError(f"{file} is not TOML: {error}") from error


def check(data: dict[str, Any], file: Path) -> dict[str, Any]:
    """The validated ``run`` table. Raises WorkspaceError for unknown keys and wrong types."""
    unknown = [key for key in data if key != "run"]
    if unknown or not isinstance(data.get("run", {}), dict):
        raise WorkspaceError(f"{file}: all settings belong in the table [run]; found: {', '.join(unknown) or 'run'}.")
    found: dict[str, Any] = data.get("run", {})
    for key, value in found.items():
        kinds = _KINDS.get(key)
        if kinds is None:
            raise WorkspaceError(f"{file}: unknown option {key!r}; the options are: {', '.join(sorted(_KINDS))}.")
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise WorkspaceError(f"{file}: {key} must be {' or '.join(kind.__name__ for kind in kinds)}.")
    found = dict(found)
    if "env" in found:
        found["env"] = {name: value if isinstance(value, str) else str(value) for name, value in found["env"].items()}
    try:
        if "ports" in found:
            found["ports"] = [values.port(str(port)) for port in found["ports"]]
    except ValueError as error:
        raise WorkspaceError(f"{file}: ports: {error}") from error
    return found
