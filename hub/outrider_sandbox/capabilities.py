"""What this machine can do for sandboxes, found out by trying, with sentences for the person who installs
it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from . import bubblewrap, cgroups, network
from .trees import SetupError, StatusPipe, wait_until_made

_TRY_S = 20.0
_TRIES = 3
_BWRAP = ["bwrap", "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--die-with-parent"]


@dataclass(frozen=True)
class Capabilities:
    bubblewrap: bool
    network: bool
    memory: Literal["cgroup2", "cgroup1", "sampling"]
    notes: list[str] = field(default_factory=list)


def usable() -> Capabilities:
    """Takes some tens of milliseconds; starts and ends a few processes."""
    notes: list[str] = []
    isolated = _bubblewrap(notes)
    connected = isolated and _network(notes)
    return Capabilities(isolated, connected, _memory(notes), notes)


def _root() -> list[str]:
    """What sandboxes stand on, and not all of the host's mounts, some of which may come and go meanwhile."""
    return [*bubblewrap.system(), "--proc", "/proc", "--dev", "/dev"]


def _tried(attempt: Callable[[], str | None]) -> str | None:
    """What was wrong, each time: a busy machine is slow or refuses once, and that must cost nobody the sandbox."""
    said = None
    for _ in range(_TRIES):
        said = attempt()
        if said is None:
            return None
    return said


def _try_bubblewrap() -> str | None:
    try:
        tried = subprocess.run(
            [*_BWRAP, *_root(), "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TRY_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{error}."
    if tried.returncode != 0:
        return tried.stderr.decode(errors="replace").strip() or f"it ends with {tried.returncode}."
    return None


def _bubblewrap(notes: list[str]) -> bool:
    lost = "Without it, jobs and notebooks are plain processes that see all of this machine, for one user only."
    if shutil.which("bwrap") is None:
        notes.append(f"bubblewrap is not installed (Debian: apt-get install bubblewrap). {lost}")
        return False
    if said := _tried(_try_bubblewrap):
        notes.append(
            f"bubblewrap does not work here: {said} User namespaces may be switched off "
            "(sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces), or this is a container. "
            f"{lost}"
        )
        return False
    return True


def _network(notes: list[str]) -> bool:
    lost = "Without it, sandboxes have no network of their own and reach nothing outside."
    if shutil.which("slirp4netns") is None:
        notes.append(f"slirp4netns is not installed (Debian: apt-get install slirp4netns). {lost}")
        return False
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        notes.append(f"/dev/net/tun is missing or not accessible (modprobe tun; its mode is usually 0666). {lost}")
        return False
    error = _tried(_try_network)
    if error:
        notes.append(f"slirp4netns does not work here: {error}. {lost}")
    return not error


def _try_network() -> str | None:
    status = StatusPipe()
    # It ends by itself when its stdin ends: killing it while it sets itself up would leave half of it behind.
    words = [*_BWRAP, *_root(), "--json-status-fd", str(status.write), "/bin/sh", "-c", "read _"]
    try:
        with subprocess.Popen(words, pass_fds=[status.write], stdin=subprocess.PIPE) as sandbox:
            status.close_write()
            pid, pidfd = wait_until_made(status)
            os.close(pidfd)
            _attach(pid)
            sandbox.communicate(timeout=_TRY_S)
    except (OSError, SetupError, subprocess.SubprocessError) as error:
        return str(error)
    finally:
        status.close()
    return None


def _attach(pid: int) -> None:
    namespaces = network.open_namespaces(pid)
    try:
        slirp = network.Slirp(namespaces, output=os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC))
        try:
            slirp.wait_until_ready()
        finally:
            slirp.close()
            with contextlib.suppress(ChildProcessError):
                os.waitpid(slirp.pid, 0)
    finally:
        namespaces.close()


def _memory(notes: list[str]) -> Literal["cgroup2", "cgroup1", "sampling"]:
    cgroup = cgroups.create("try", 64 << 20)
    if cgroup is None:
        notes.append(
            "No memory cgroup can be made here: the memory limit is kept by looking twice a second, so a job "
            "that grows very fast may take memory from others first."
        )
        return "sampling"
    cgroup.remove()
    return "cgroup2" if cgroup.version == 2 else "cgroup1"


def which_python_prefixes(executable: str) -> list[Path]:
    """The directories that a Python environment needs to be visible: its own prefix, and that of the
    installation it was made from. System directories are left out, since every sandbox sees them."""
    answer = subprocess.run(
        [
            executable,
            "-I",
            "-c",
            "import sys; print(sys.prefix, sys.base_prefix, sys.exec_prefix, sep='\\n')",
        ],
        capture_output=True,
        timeout=_TRY_S,
        check=True,
    )
    paths = {Path(line) for line in answer.stdout.decode().splitlines()}
    paths |= {path.resolve() for path in paths}
    return sorted(path for path in paths if not path.is_relative_to("/usr"))
