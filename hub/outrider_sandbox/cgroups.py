"""A cgroup per sandbox for memory, processes and processor share, version 2 or 1, where the kernel lets this user make
one.

A cgroup's name has the pid and start time of its supervisor, so `sweep` can tell which supervisors were killed. Touches
only directories named `outrider-*` in the cgroup file systems."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from . import processes

_PREFIX = "outrider-"
_CONTROLLERS = ("memory", "pids", "cpu")


@dataclass(frozen=True)
class Cgroup:
    """`path`: where memory is limited. Version 1 has a hierarchy for each controller; `others` lie in the rest."""

    path: Path
    version: int
    others: tuple[Path, ...] = ()
    limits_processes: bool = False

    @property
    def inside(self) -> str:
        """Where programs look for their own cgroup in a container."""
        return "/sys/fs/cgroup" if self.version == 2 else "/sys/fs/cgroup/memory"

    def join(self) -> None:
        """Move the calling process into the cgroup, and with it everything that it starts. Raises OSError."""
        for path in (self.path, *self.others):
            (path / "cgroup.procs").write_text("0" if self.version == 2 else str(os.getpid()))

    def oom_kills(self) -> int:
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        with contextlib.suppress(OSError, ValueError):
            for line in (self.path / name).read_text().splitlines():
                key, _, value = line.partition(" ")
                if key == "oom_kill":
                    return int(value)
        return 0

    def remove(self) -> bool:
        with contextlib.suppress(OSError):
            if self.version == 2:
                (self.path / "cgroup.kill").write_text("1")
        left = [path for path in (self.path, *self.others) if not _rmdir(path)]
        return not left


def _rmdir(path: Path) -> bool:
    try:
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:  # its last processes are still dying
        return False
    return True


def create(
    sandbox: str, limit: int, *, processes_limit: int | None = None, cpu: float | None = None, kill_all: bool = True
) -> Cgroup | None:
    """A new cgroup with this limit of memory in bytes, or None where that is not possible. As far as the kernel lets
    this user, it also limits the number of threads, and gives a share of the processors: `cpu` of them where others
    want them too."""
    me = os.getpid()
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in sandbox)[:100]
    name = f"{_PREFIX}{me}-{processes.start_time(me)}-{safe}"
    for parent, version in _parents("memory"):
        cgroup = Cgroup(parent / name, version)
        try:
            cgroup.path.mkdir()
        except OSError:
            continue
        try:
            _set_limit(cgroup, limit, kill_all)
            if _works(cgroup):
                return _with_more(cgroup, processes_limit, cpu)
        except OSError:
            pass
        cgroup.remove()
    return None


def _with_more(cgroup: Cgroup, processes_limit: int | None, cpu: float | None) -> Cgroup:
    """What else it is to limit, as far as that is possible here."""
    wanted = {"pids": ("pids.max", str(processes_limit))} if processes_limit is not None else {}
    if cpu is not None and cgroup.version == 2:
        wanted["cpu"] = ("cpu.weight", str(min(10_000, max(1, round(100 * cpu)))))
    elif cpu is not None:
        wanted["cpu"] = ("cpu.shares", str(max(2, round(1024 * cpu))))
    for controller, (file, value) in wanted.items():
        place = cgroup if cgroup.version == 2 else _beside(cgroup, controller)
        if place is not None and _wrote(place.path / file, value):
            others = () if place is cgroup else (place.path,)
            limits_processes = cgroup.limits_processes or controller == "pids"
            cgroup = replace(cgroup, others=cgroup.others + others, limits_processes=limits_processes)
        elif place is not None and place is not cgroup:
            place.remove()
    return cgroup


def _beside(cgroup: Cgroup, controller: str) -> Cgroup | None:
    """A version 1 cgroup of the same name in another controller's hierarchy."""
    for parent, version in _parents(controller):
        if version == 1:
            made = Cgroup(parent / cgroup.path.name, 1)
            with contextlib.suppress(OSError):
                made.path.mkdir(exist_ok=True)
                if _works(made):
                    return made
            made.remove()
    return None


def sweep() -> None:
    """Remove the cgroups of supervisors that were killed."""
    for controller in _CONTROLLERS:
        for parent, version in _parents(controller):
            with contextlib.suppress(OSError):
                for path in parent.glob(f"{_PREFIX}*"):
                    pid, _, rest = path.name.removeprefix(_PREFIX).partition("-")
                    started = rest.partition("-")[0]
                    if pid.isdigit() and processes.start_time(int(pid)) != started:
                        Cgroup(path, version).remove()


def _set_limit(cgroup: Cgroup, limit: int, kill_all: bool) -> None:
    if cgroup.version == 2:
        (cgroup.path / "memory.max").write_text(str(limit))
        _try_write(cgroup.path / "memory.swap.max", "0")
        # After one process is killed the others usually wait for it, so the whole job ends.
        _try_write(cgroup.path / "memory.oom.group", "1" if kill_all else "0")
    else:
        (cgroup.path / "memory.limit_in_bytes").write_text(str(limit))
        _try_write(cgroup.path / "memory.memsw.limit_in_bytes", str(limit))


def _works(cgroup: Cgroup) -> bool:
    """Whether a process can join. That needs write access to the common ancestor, not only to the cgroup."""
    pid = os.fork()
    if pid == 0:
        try:
            cgroup.join()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def _try_write(path: Path, text: str) -> None:
    _wrote(path, text)


def _wrote(path: Path, text: str) -> bool:
    try:
        # Without the controller the file does not exist, and must not be created.
        with path.open("r+") as file:
            file.write(text)
    except OSError:
        return False
    return True


def _parents(controller: str) -> Iterator[tuple[Path, int]]:
    """Cgroups that could hold one of ours: this process's own and the ones above, nearest first. A version
    2 cgroup that has processes of its own cannot limit children, but its parent usually already does."""
    try:
        memberships = Path("/proc/self/cgroup").read_text().splitlines()
        mounts = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return
    for line in memberships:
        _, controllers, own = line.split(":", 2)
        version = 2 if not controllers else 1 if controller in controllers.split(",") else 0
        root = _mount_point(mounts, version, controller) if version else None
        if root is None:
            continue
        path = root / own.lstrip("/")
        for candidate in (path, *path.parents):
            if not candidate.is_relative_to(root):
                break
            if version == 1 or _passes_on(candidate, controller):
                yield candidate, version


def _passes_on(path: Path, controller: str) -> bool:
    with contextlib.suppress(OSError):
        return controller in (path / "cgroup.subtree_control").read_text().split()
    return False


def _mount_point(mounts: list[str], version: int, controller: str) -> Path | None:
    for line in mounts:
        _, target, kind, options, *_ = line.split(" ")
        if (version == 2 and kind == "cgroup2") or (
            version == 1 and kind == "cgroup" and controller in options.split(",")
        ):
            return Path(target)
    return None
