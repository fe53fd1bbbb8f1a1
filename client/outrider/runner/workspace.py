"""The code that a job starts in, put into its working directory: an uploaded zip or a git revision.

Runs inside the sandbox, so a hostile archive or repository finds nothing to steal; still nothing is written
outside the directory, and nothing grows without limit. What was prepared completely is not prepared again.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, Optional

from . import archive, git

_MARKER = ".outrider-workspace.json"
DEFAULT_LIMIT_MB = 2048


class WorkspaceUnusable(Exception):
    """Its text is a sentence for the user."""


Run = Callable[..., "git.Answer"]


def prepare(spec: Dict[str, Any], folder: Path, limit_mb: int, run: Run) -> Optional[Dict[str, Any]]:
    """The fields of the record to report; None when there is nothing to prepare."""
    kind = spec.get("type", "none")
    if kind == "none":
        return None
    marker = folder / _MARKER
    # What is remembered lies among the files that people are shown: no credentials.
    wanted = {key: value for key, value in spec.items() if key not in ("archive", "login")}
    try:
        before = json.loads(marker.read_text())
        if before["workspace"] == wanted:
            done: Dict[str, Any] = before["done"]
            return done
    except (OSError, ValueError, KeyError, TypeError):
        pass
    try:
        _empty(folder)
        if kind == "snapshot":
            files, size = archive.extract(Path(spec["archive"]), folder, limit_mb << 20)
            commit = None
        elif kind == "git":
            commit = git.check_out(spec, folder, run)
            files, size = _measure(folder)
            if size > limit_mb << 20:
                raise WorkspaceUnusable(
                    f"The repository takes {size >> 20} MiB, above the workspace limit of {limit_mb} MiB."
                )
        else:
            raise WorkspaceUnusable(f"A workspace of type {kind!r} is not known to this runner.")
    except (archive.ArchiveError, git.GitError) as error:
        raise WorkspaceUnusable(str(error)) from error
    except OSError as error:
        raise WorkspaceUnusable(f"The workspace could not be written: {error.strerror or error}.") from error
    done = {"commit": commit, "files": files, "bytes": size}
    _remember(marker, {"workspace": wanted, "done": done})
    return done


def _empty(folder: Path) -> None:
    """Half of an earlier attempt's preparation would be worse than none."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(str(entry))
        else:
            entry.unlink()


def _measure(folder: Path) -> "tuple[int, int]":
    files = size = 0
    for root, folders, names in os.walk(str(folder)):
        if ".git" in folders and Path(root) == folder:
            folders.remove(".git")
        files += len(names)
        for name in names:
            size += os.lstat(os.path.join(root, name)).st_size  # noqa: PTH118
    return files, size


def _remember(marker: Path, value: Dict[str, Any]) -> None:
    new = marker.with_name(marker.name + ".new")
    try:
        new.write_text(json.dumps(value))
        new.replace(marker)
    except OSError:
        pass  # the workspace is complete all the same
