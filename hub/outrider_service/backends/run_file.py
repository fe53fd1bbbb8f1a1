"""The specification for an attempt's runner (``outrider.runner``): the same on every platform except for paths."""

from __future__ import annotations

from typing import Any, Final

from .base import Attempt

INSIDE: Final = "/.outrider"
"""Outrider's own directory in sandboxes and pods."""
SNAPSHOT: Final = f"{INSIDE}/snapshot.zip"
MAX_WORKSPACE_MB: Final = 4096
SAMPLE_S: Final = 10


def run_file(
    attempt: Attempt,
    *,
    workspace_dir: str = "/workspace",
    artifacts_dir: str = "/artifacts",
    archive: str = SNAPSHOT,
    nvml: str,
) -> dict[str, Any]:
    """``archive``: the snapshot's path, if there is one; ``nvml``: the directory with pynvml, or ""."""
    wanted = attempt.submission
    workspace = wanted.workspace.model_dump()
    if attempt.snapshot is not None:
        workspace = {"type": "snapshot", "archive": archive}
    elif attempt.commit is not None:
        workspace["commit"] = attempt.commit
    if attempt.git_login is not None:
        workspace["login"] = list(attempt.git_login)
    return {
        "command": wanted.command,
        "args": wanted.args,
        "notebook": wanted.notebook,
        "params": wanted.params,
        "workspace": workspace,
        "workspace_dir": workspace_dir,
        "artifacts_dir": artifacts_dir,
        "max_workspace_mb": MAX_WORKSPACE_MB,
        "sample_s": SAMPLE_S,
        "grace_s": attempt.grace_s,
        "pynvml_path": nvml,
        "memory_bytes": attempt.machine.memory_mb * 2**20,
    }
