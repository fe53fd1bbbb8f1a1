"""Machines that lack something, made of this one, and an ordinary user on them.

When the tests run as root, the user is nobody, in a mount namespace in which devices and file systems can be taken
away; what of the code and its Python lies in directories that only root may enter is opened there. Otherwise the user
is whoever runs the tests, and only programs can be hidden.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

import outrider_sandbox as sandbox

from .platform_process import REPOSITORY

NOBODY = 65534
TUN = Path("/dev/net/tun")
CGROUPS = Path("/sys/fs/cgroup")


class Machine:
    """``lacks``: tun, cgroups, or the name of a program."""

    def __init__(self, lacks: str) -> None:
        self.lacks = lacks
        self.folder = Path(tempfile.mkdtemp(prefix="outrider-machine-"))
        self.folder.chmod(0o755)
        self.person = self.folder / "person"
        self.person.mkdir()
        self.path = os.environ["PATH"]
        if lacks in ("bwrap", "slirp4netns"):
            self.path = _without(lacks, self.folder / "bin")

    def prefix(self) -> list[str]:
        """Words that start a command on this machine, as its user."""
        person = ["env", f"HOME={self.person}", "USER=nobody", "LOGNAME=nobody", f"PATH={self.path}"]
        if os.getuid() != 0:
            self._check()
            return person
        steps = " && ".join(shlex.join(step) for step in [*self._openings(), *self._losses()])
        drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all"]
        script = f'{steps or "true"} && exec {shlex.join([*drop, *person])} "$@"'
        return ["unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh"]

    def own(self) -> None:
        """Everything in the person's directory is theirs."""
        if os.getuid() == 0:
            for path in [self.person, *self.person.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _check(self) -> None:
        if self.lacks == "tun" and os.access(TUN, os.R_OK | os.W_OK):
            pytest.skip("only root can take the tap device away")
        if self.lacks == "cgroups" and sandbox.usable().memory != "sampling":
            pytest.skip("only root can take the cgroups away")

    def _losses(self) -> list[list[str]]:
        if self.lacks == "tun" and TUN.exists():
            closed = self.folder / "tun"
            closed.touch(mode=0o600)
            return [["mount", "--bind", str(closed), str(TUN)]]
        if self.lacks == "cgroups" and CGROUPS.is_dir():
            return [["mount", "-t", "tmpfs", "-o", "ro,mode=755", "none", str(CGROUPS)]]
        return []

    def _openings(self) -> list[list[str]]:
        """Each directory that nobody may enter becomes one with nothing in it but what is needed."""
        needed = [REPOSITORY, Path(sys.prefix), Path(sys.base_prefix)]
        needed += [Path(found).resolve().parent.parent for name in ("node", "git") if (found := shutil.which(name))]
        steps: list[list[str]] = []
        for closed, paths in _behind_closed_doors(needed).items():
            held = {path: self.folder / f"held-{len(steps)}-{n}" for n, path in enumerate(paths)}
            for path, place in held.items():
                steps += [["mkdir", "-p", str(place)], ["mount", "--bind", str(path), str(place)]]
            steps.append(["mount", "-t", "tmpfs", "-o", "mode=755", "none", str(closed)])
            for path, place in held.items():
                steps += [["mkdir", "-p", str(path)], ["mount", "--bind", str(place), str(path)]]
        return steps


def _behind_closed_doors(needed: Iterable[Path]) -> dict[Path, list[Path]]:
    found: dict[Path, list[Path]] = {}
    for path in dict.fromkeys(needed):
        for above in reversed(path.parents):
            if not above.stat().st_mode & 0o001:
                found.setdefault(above, []).append(path)
                break
    return found


def _without(program: str, folder: Path) -> str:
    """A search path on which everything is found but one program."""
    folder.mkdir()
    for directory in os.environ["PATH"].split(":"):
        for file in Path(directory).iterdir() if Path(directory).is_dir() else ():
            link = folder / file.name
            if file.name != program and not link.is_symlink():
                link.symlink_to(file)
    return str(folder)
