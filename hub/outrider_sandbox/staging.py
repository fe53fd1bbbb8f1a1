"""A sandbox's mounts as its own user may see them, where Outrider is run by root and its users have uids of their own.

Files stay root's on disk. What a sandbox gets is an idmapped mount (mount_setattr(2)), in which they are the user's:
the service goes on reading and writing them as root, shared directories stay shared, and no tree changes hands. bwrap
runs as the user and could not even reach the paths of the state directory; so the mounts are put below /tmp, in a
mount namespace of the process that becomes bwrap.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from . import linux
from .spec import Mount

STAGE: Final = "/tmp"  # noqa: S108
"""What lies there is covered for the process itself only."""

_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442  # the same on every architecture
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 0x4
_MOUNT_ATTR_IDMAP = 0x00100000
_MS_NOSUID, _MS_NODEV, _MS_REC, _MS_SLAVE = 0x2, 0x4, 0x4000, 0x80000


class _MountAttributes(ctypes.Structure):
    """`struct mount_attr` of <linux/mount.h>."""

    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def staged(mounts: Sequence[Mount]) -> list[Mount]:
    """The same mounts, with the sources that they have after `become`. Pure."""
    return [replace(mount, source=f"{STAGE}/{number}") for number, mount in enumerate(mounts)]


def become(uid: int, mounts: Sequence[Mount]) -> None:
    """Make the mounts in a namespace of this process's own, and become the user. The process must be root's, and have
    one thread. Raises OSError, with a sentence, where a directory that is to be written lies on a file system without
    idmapped mounts; of what is only read, the owner is then root inside."""
    mapping = _mapping(uid)
    trees = [_tree(mount, mapping) for mount in mounts]
    os.close(mapping)
    linux.unshare(linux.CLONE_NEWNS)
    _mount("none", "/", None, _MS_REC | _MS_SLAVE)
    _mount("stage", STAGE, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755,size=1m")
    for mount, tree in zip(staged(mounts), trees, strict=True):
        place = Path(mount.source)
        if os.path.isdir(f"/proc/self/fd/{tree}"):  # noqa: PTH112
            place.mkdir()
        else:
            place.touch()
        _call(_MOVE_MOUNT, tree, b"", _AT_FDCWD, os.fsencode(place), _MOVE_MOUNT_F_EMPTY_PATH)
        os.close(tree)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _tree(mount: Mount, mapping: int) -> int:
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_RECURSIVE
    tree = _call(_OPEN_TREE, _AT_FDCWD, os.fsencode(mount.source), flags, what=mount.source)
    attributes = _MountAttributes(attr_set=_MOUNT_ATTR_IDMAP, userns_fd=mapping)
    size = ctypes.sizeof(attributes)
    try:
        _call(_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH | _AT_RECURSIVE, ctypes.byref(attributes), size)
    except OSError as error:
        if not mount.read_only or error.errno != errno.EINVAL:
            raise OSError(error.errno, f"{mount.source}: its file system has no idmapped mounts") from error
    return tree


def _mapping(uid: int) -> int:
    """A user namespace in which the platform's own files, root's, are the user's."""
    ready, ready_in = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            linux.unshare(linux.CLONE_NEWUSER)
            os.write(ready_in, b"r")
            signal.pause()
        finally:
            os._exit(1)
    os.close(ready_in)
    try:
        if not os.read(ready, 1):
            raise OSError(errno.EPERM, "no user namespace can be made")
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{pid}/{name}").write_text(f"0 {uid} 1\n")
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(ready)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    words = [os.fsencode(word) if word is not None else None for word in (source, target, kind)]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(data) if data else None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount {target}: {os.strerror(number)}")


def _call(number: int, *arguments: object, what: str = "") -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    words = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    answer = int(libc.syscall(ctypes.c_long(number), *words))
    if answer < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), what or None)
    return answer
