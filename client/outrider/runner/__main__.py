"""The runner itself: prepare the workspace, run the command, report, and end as the command ended."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, List, NoReturn

from . import relay, workspace
from .command import Children
from .records import Output
from .sampler import Sampler

_FAILED = 125  # as of `docker run`: not the command, but what surrounds it


def main() -> NoReturn:
    parser = argparse.ArgumentParser(prog="outrider-runner")
    parser.add_argument("--spec", default="/.outrider/run.json")
    parser.add_argument("--prepare", action="store_true", help="prepare the workspace and end: an init container")
    options = parser.parse_args()
    output = Output()
    try:
        spec: Dict[str, Any] = json.loads(Path(options.spec).read_text())
    except (OSError, ValueError) as error:
        output.say(f"the run's specification cannot be read: {error}")
        _exit(_FAILED)
    try:
        if spec.get("log_dir"):
            # Which of the job's machines this is, where there are several.
            output.copy_to(Path(spec["log_dir"], os.environ.get("OUTRIDER_NODE", "0") + ".log"))
        _exit(_prepare(spec, output) if options.prepare else _run(spec, output))
    except SystemExit as ending:
        _exit(ending.code if isinstance(ending.code, int) else _FAILED)


def _exit(code: int) -> NoReturn:
    # Without the interpreter's clean-up: nothing here needs it, and a sampling thread must not hold it up.
    os._exit(code)


def _prepare(spec: Dict[str, Any], output: Output) -> int:
    """The workspace alone. What it needs (git) may be missing in the image that the command runs in."""
    children = Children(output, float(spec.get("grace_s") or 10))
    children.catch_signals()
    return 0 if _workspace(spec, output, children) else _FAILED


def _workspace(spec: Dict[str, Any], output: Output, children: Children) -> bool:
    folder = Path(spec.get("workspace_dir") or "/workspace")
    try:
        limit = int(spec.get("max_workspace_mb") or workspace.DEFAULT_LIMIT_MB)
        done = workspace.prepare(spec.get("workspace") or {}, folder, limit, children.run_quietly)
    except workspace.WorkspaceUnusable as error:
        output.record("workspace_failed", message=str(error))
        return False
    if done is not None:
        output.record("workspace", **done)
    return True


def _run(spec: Dict[str, Any], output: Output) -> int:
    folder = Path(spec.get("workspace_dir") or "/workspace")
    children = Children(output, float(spec.get("grace_s") or 10))
    children.catch_signals()
    if not _workspace(spec, output, children):
        return _FAILED
    relays = {int(outer): int(inner) for outer, inner in (spec.get("relays") or {}).items()}
    if relays:
        relay.start(relays)
    sampler = Sampler(output, float(spec.get("sample_s") or 10), spec.get("memory_bytes"), spec.get("pynvml_path"))
    env = dict(os.environ)
    env.setdefault("PYTHONUNBUFFERED", "1")
    words = _words(spec, folder)
    sampler.start()
    code = children.run(words, str(folder), env, records=bool(spec.get("notebook")))
    sampler.finish()
    signum = -code if code < 0 else None
    code = 128 - code if code < 0 else code
    output.record("exited", code=code, signal=signum)
    return code


def _words(spec: Dict[str, Any], folder: Path) -> List[str]:
    if spec.get("notebook"):
        # In the image's own Python, with its packages: unlike this process, which sees the standard library
        # only.
        package = __package__ or "outrider_runner"
        home = str(Path(__file__).resolve().parents[package.count(".") + 1])
        code = f"import sys; sys.path.insert(0, {home!r}); from {package}.notebook import main; main()"
        told = {
            "notebook": spec["notebook"],
            "params": spec.get("params") or {},
            "artifacts_dir": spec.get("artifacts_dir") or "/artifacts",
        }
        return [sys.executable, "-c", code, json.dumps(told)]
    if spec.get("args"):
        return [str(word) for word in spec["args"]]
    return ["/bin/sh", "-c", str(spec.get("command") or "")]


if __name__ == "__main__":
    main()
