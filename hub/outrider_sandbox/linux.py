"""System calls that the library of Python 3.11 lacks, and the boot id. Linux only."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
_NS_GET_USERNS = 0xB701
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Open-file-description locks can be tested without being taken (flock cannot), and pass to a child process with the
# descriptor (POSIX locks do not).
_F_OFD_GETLK, _F_OFD_SETLK = 36, 37
_FLOCK = "hhqqi4x"


def boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def try_lock(fd: int) -> bool:
    """Take the exclusive lock on an open file, for as long as any copy of this descriptor is open."""
    try:
        fcntl.fcntl(fd, _F_OFD_SETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock on `path`. The test itself takes no lock."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(fd, _F_OFD_GETLK, asked)
    finally:
        os.close(fd)
    return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)


def user_namespace_of(namespace_fd: int) -> int:
    """A descriptor of the user namespace that owns a namespace. bwrap nests two, so the process's own is the wrong
    one."""
    return fcntl.ioctl(namespace_fd, _NS_GET_USERNS)


def setns(fd: int, kind: int) -> None:
    _call("setns", fd, kind)


def unshare(kinds: int) -> None:
    _call("unshare", kinds)


def die_with_parent(signum: int) -> None:
    _call("prctl", _PR_SET_PDEATHSIG, signum, 0, 0, 0)


def adopt_orphans() -> None:
    """Make the calling process the parent of descendants whose own parent ends."""
    _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _call(name: str, *arguments: int) -> None:
    import ctypes  # few processes need it, and a job waits for its supervisor's start

    function: Callable[..., int] = getattr(ctypes.CDLL(None, use_errno=True), name)
    longs = [ctypes.c_ulong(argument) for argument in arguments[1:]]
    if function(ctypes.c_int(arguments[0]), *longs) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


@contextlib.contextmanager
def short_path(path: Path) -> Iterator[str]:
    """A path to the same file that fits into a unix socket's address (108 bytes), however long `path` is."""
    fd = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{path.name}"
    finally:
        os.close(fd)
