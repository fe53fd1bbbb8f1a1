"""A Git repository in a notebook's home, cloned before the server starts, which starts in any case.

`OUTRIDER_CLONE` says what: it is taken out of the environment, since it may hold a password, and then the words
of the command line replace this process. Without any (an init container) it ends with 0. Whatever goes wrong is
a sentence: on stdout, in a note in the home, and where a pod's termination message is read.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from . import git

VARIABLE = "OUTRIDER_CLONE"
SAYS = "[outrider] repository: "
NOTE = "git-clone-failed.txt"
_TERMINATION_LOG = Path("/dev/termination-log")


def main() -> None:
    words = sys.argv[1:]
    given = os.environ.pop(VARIABLE, "")
    if given:
        trouble = fetch(json.loads(given), Path(os.environ["HOME"]))
        sys.stdout.write(f"{SAYS}{trouble or 'cloned'}\n")
        sys.stdout.flush()
        # A file that is mounted there is how a pod's container says why.
        if trouble and _TERMINATION_LOG.exists():
            _write(_TERMINATION_LOG, trouble)
    if words:
        os.execvp(words[0], words)  # noqa: S606


def fetch(spec: Dict[str, Any], home: Path) -> Optional[str]:
    """What went wrong, or None. What is there already is somebody's work, and stays as it is."""
    target = home / spec["folder"]
    note = home / NOTE
    if os.path.lexists(str(target)):
        _remove(note)
        return None
    trouble = None
    try:
        # Beside its place, and moved there as a whole: half of a repository would look like one.
        with tempfile.TemporaryDirectory(prefix=".outrider-clone-", dir=str(home)) as beside:
            fresh = Path(beside) / spec["folder"]
            git.clone(spec, fresh, _run, float(spec.get("timeout_s") or 100))
            fresh.rename(target)
    except git.GitError as error:
        trouble = str(error)
    except OSError as error:
        trouble = f"The repository could not be written: {error.strerror or error}."
    if trouble is None:
        _remove(note)
    else:
        _write(
            note,
            f"{trouble}\n\nThe notebook started without it. Clone it in a terminal, or start the notebook again.\n",
        )
    return trouble


def _run(words: Sequence[str], env: Dict[str, str], timeout_s: float) -> git.Answer:
    command: List[str] = list(words)
    if shutil.which(command[0], path=env.get("PATH")) is None:
        return git.Answer(127, f"{command[0]}: not found")
    try:
        done = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        return git.Answer(1, f"fatal: no end after {timeout_s:.0f} s")
    return git.Answer(done.returncode, done.stdout[-20_000:].decode("utf-8", "replace"))


def _write(path: Path, text: str) -> None:
    """As far as it can be: a full disk must not keep the server from starting."""
    try:
        path.write_text(text)
    except OSError:
        pass


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        pass
