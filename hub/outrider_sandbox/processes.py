"""Process trees as /proc shows them: descendants, memory, and how to kill them all."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from . import linux

_HEXADECIMAL = frozenset("0123456789abcdef")
_CHILDREN_FILES = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists()


def start_time(pid: int) -> str | None:
    """When a process began, in clock ticks since boot; None if it is gone. With the pid it identifies a process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def children(pid: int) -> list[int]:
    if not _CHILDREN_FILES:
        return [child for child, parent in _parents().items() if parent == pid]
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            with contextlib.suppress(OSError):
                found += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split())
    return found


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    unseen = [pid]
    while unseen:
        born = children(unseen.pop())
        found += born
        unseen += born
    return found


def _parents() -> dict[int, int]:
    parents = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parents[int(name)] = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
    return parents


def send(pid: int, signum: int) -> bool:
    try:
        os.kill(pid, signum)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def kill_descendants(pid: int, deadline_s: float = 5.0) -> bool:
    """SIGKILL everything below `pid`, again and again until nothing is left, since processes may fork meanwhile.
    Returns False after `deadline_s` seconds."""
    deadline = time.monotonic() + deadline_s
    while True:
        alive = [p for p in descendants(pid) if not _is_zombie(p)]
        if not alive:
            return True
        for process in alive:
            send(process, signal.SIGSTOP)  # first, so none can fork when another dies
        for process in alive:
            send(process, signal.SIGKILL)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)


def kill_largest(root: int) -> bool:
    """SIGKILL the process below `root` that holds the most memory, as the kernel would."""
    sizes = {pid: sum(_proportional(pid)) + _memfds([pid]) for pid in descendants(root)}
    largest = max(sizes, key=lambda pid: sizes[pid], default=None)
    return largest is not None and send(largest, signal.SIGKILL)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:
        return True


def kill_holders(pipe: int) -> None:
    """SIGKILL every process that has the pipe with this inode open."""
    wanted = f"pipe:[{pipe}]"
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError):
                if any(os.readlink(entry.path) == wanted for entry in os.scandir(f"/proc/{name}/fd")):  # noqa: PTH115
                    send(int(name), signal.SIGKILL)


def memory(root: int, folders: tuple[str, ...] = ()) -> int:
    """Bytes that cannot be given back: what a process and all below it hold for themselves or share with each other,
    and files in memory, mapped or not: those of the given tmpfs folders as the first process sees these, of
    memfd_create and of System V. Pages that several processes share count once."""
    pids = [root, *descendants(root)]
    return sum(_anonymous(pid) for pid in pids) + _files_in_memory(root, pids, folders)


def resident(root: int, folders: tuple[str, ...] = ()) -> int:
    """An upper bound of `memory` that is much cheaper to take."""
    pids = [root, *descendants(root)]
    total = 0
    page = os.sysconf("SC_PAGE_SIZE")
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
    return total + _files_in_memory(root, pids, folders)


def _files_in_memory(root: int, pids: list[int], folders: tuple[str, ...]) -> int:
    return sum(_used(f"/proc/{root}/root{folder}") for folder in folders) + _memfds(pids) + _system_v(root)


def _memfds(pids: list[int]) -> int:
    """Bytes in files of memfd_create that a process has open."""
    sizes: dict[tuple[int, int], int] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(entry.path).startswith("/memfd:"):  # noqa: PTH115
                        status = entry.stat()
                        sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def _system_v(root: int) -> int:
    """Bytes of System V shared memory in a process's IPC namespace, attached or not. /proc shows a reader its own
    namespace's, so a child process joins the namespace to read it."""
    try:
        namespace = os.open(f"/proc/{root}/ns/ipc", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        if os.fstat(namespace).st_ino == Path("/proc/self/ns/ipc").stat().st_ino:
            return 0
        said, say = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                linux.setns(linux.user_namespace_of(namespace), linux.CLONE_NEWUSER)
                linux.setns(namespace, linux.CLONE_NEWIPC)
                lines = Path("/proc/sysvipc/shm").read_text().splitlines()
                resident = lines[0].split().index("rss")
                os.write(say, str(sum(int(line.split()[resident]) for line in lines[1:])).encode())
            finally:
                os._exit(0)
        os.close(say)
        data = os.read(said, 64)
        os.close(said)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        return int(data or 0)
    finally:
        os.close(namespace)


def _anonymous(pid: int) -> int:
    """Bytes that are in no file: the process's own, and its part of mappings that it shares with its children."""
    private, shared = _proportional(pid)[0], 0
    with contextlib.suppress(OSError, ValueError):
        counts = False
        for line in Path(f"/proc/{pid}/smaps").read_text(errors="replace").splitlines():
            if line.startswith("Pss:"):
                shared += int(line.split()[1]) * 1024 if counts else 0
            elif line[:1] in _HEXADECIMAL:
                counts = line.endswith(" /dev/zero (deleted)")
    return private + shared


def _proportional(pid: int) -> tuple[int, int]:
    values = {"Pss_Anon": 0, "Pss_Shmem": 0}
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in values:
                values[name] = int(rest.split()[0]) * 1024
    return values["Pss_Anon"], values["Pss_Shmem"]


def _used(folder: str) -> int:
    try:
        usage = os.statvfs(folder)
    except OSError:
        return 0
    return (usage.f_blocks - usage.f_bfree) * usage.f_frsize
