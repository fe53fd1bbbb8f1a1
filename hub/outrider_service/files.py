"""Directory trees that users fill: artifacts, storage, workspaces. Every path is hostile.

All access goes through descriptors opened with ``openat2(RESOLVE_BENEATH)``: the kernel itself refuses ``..``,
absolute links and links that lead out, without a moment between check and use. Links inside the tree work. Where
the system call is missing (old kernels), paths are walked one part at a time and links are refused.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import stat
import threading
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

SYS_OPENAT2: Final = 437
RESOLVE_NO_MAGICLINKS: Final = 0x02
RESOLVE_BENEATH: Final = 0x08

_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class BadPath(ValueError):
    """The path leads nowhere that may be told."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or directory; ``path`` is relative to the tree's root, ``modified`` in seconds since 1970."""

    path: str
    directory: bool
    size: int
    modified: float


def clean(path: str) -> str:
    """A relative path in its plain form; "" is the root. Raises BadPath for what leaves it."""
    if "\x00" in path or len(path) > 4096:
        raise BadPath("path: illegal")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BadPath("path: must not contain '..'")
    return "/".join(parts)


def open_beneath(root: int, path: str, flags: int, mode: int = 0) -> int:
    """Open ``path`` below the directory descriptor ``root``. Raises OSError; EXDEV for what leads out."""
    how = _OpenHow(flags | os.O_CLOEXEC, mode, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
    for _ in range(8):
        fd: int = _libc.syscall(SYS_OPENAT2, root, os.fsencode(path or "."), ctypes.byref(how), ctypes.sizeof(how))
        if fd >= 0:
            return fd
        code = ctypes.get_errno()
        if code == errno.EAGAIN:
            continue
        if code in (errno.ENOSYS, errno.EPERM):
            return _walk(root, path, flags, mode)
        raise OSError(code, os.strerror(code), path)
    raise OSError(errno.EAGAIN, "the tree changes too fast", path)


def _walk(root: int, path: str, flags: int, mode: int) -> int:
    parts = [p for p in path.split("/") if p not in ("", ".")]
    here = os.dup(root)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = below
        return os.open(parts[-1] if parts else ".", flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=here)
    finally:
        os.close(here)


class Tree:
    """One tree. Methods are synchronous; call those that read much in a thread."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _root(self) -> int:
        return os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _open(self, path: str, flags: int, mode: int = 0) -> int:
        root = self._root()
        try:
            return open_beneath(root, clean(path), flags, mode)
        finally:
            os.close(root)

    def stat(self, path: str) -> os.stat_result:
        fd = self._open(path, os.O_PATH)
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def open(self, path: str) -> BinaryIO:
        """A regular file for reading. Raises OSError; IsADirectoryError for a directory."""
        fd = self._open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            mode = os.fstat(fd).st_mode
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, "is a directory", path)
            if not stat.S_ISREG(mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            return os.fdopen(fd, "rb")
        except BaseException:
            os.close(fd)
            raise

    def children(self, path: str) -> list[Entry]:
        """What a directory holds, by name; what leads out of the tree or is no file is left out."""
        fd = self._open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            names = sorted(entry.name for entry in os.scandir(fd))
        finally:
            os.close(fd)
        base = clean(path)
        found = []
        for name in names:
            entry = self._entry(f"{base}/{name}" if base else name)
            if entry is not None:
                found.append(entry)
        return found

    def _entry(self, path: str) -> Entry | None:
        try:
            info = self.stat(path)
        except OSError:
            return None
        if not (stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode)):
            return None
        directory = stat.S_ISDIR(info.st_mode)
        return Entry(path, directory, 0 if directory else info.st_size, info.st_mtime)

    def walk(self, path: str = "") -> Iterator[Entry]:
        """Everything below a directory, parents first; links to directories are not followed."""
        for entry in self.children(path):
            yield entry
            if entry.directory and not self._is_link(entry.path):
                yield from self.walk(entry.path)

    def _is_link(self, path: str) -> bool:
        fd = self._open(str(PurePosixPath(path).parent), os.O_PATH | os.O_DIRECTORY)
        try:
            return stat.S_ISLNK(os.lstat(PurePosixPath(path).name, dir_fd=fd).st_mode)
        finally:
            os.close(fd)

    def create(self, path: str) -> PendingFile:
        """A file to be written beside its target and renamed into place by ``commit``."""
        target = clean(path)
        if not target:
            raise BadPath("path: must name a file")
        parent = self._make_parents(target)
        return PendingFile(parent, PurePosixPath(target).name)

    def _make_parents(self, target: str) -> int:
        root = self._root()
        try:
            here = os.dup(root)
            so_far = ""
            for part in PurePosixPath(target).parent.parts:
                so_far = f"{so_far}/{part}" if so_far else part
                try:
                    os.mkdir(part, 0o755, dir_fd=here)
                except FileExistsError:
                    pass
                finally:
                    os.close(here)
                here = open_beneath(root, so_far, os.O_RDONLY | os.O_DIRECTORY)
            return here
        finally:
            os.close(root)

    def delete(self, path: str) -> None:
        """Remove a file, a link or a whole directory. Raises FileNotFoundError, BadPath for the root."""
        target = clean(path)
        if not target:
            raise BadPath("path: the root itself cannot be removed")
        parent = self._open(str(PurePosixPath(target).parent), os.O_RDONLY | os.O_DIRECTORY)
        try:
            _remove(parent, PurePosixPath(target).name)
        finally:
            os.close(parent)

    def zip_to(self, path: str, output: BinaryIO) -> None:
        """Write a directory as a zip (stored entries of changing files keep what was read)."""
        base = clean(path)
        with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for entry in self.walk(base):
                name = entry.path[len(base) :].lstrip("/")
                if entry.directory:
                    archive.mkdir(name) if not name.endswith("/") else None
                    continue
                try:
                    source = self.open(entry.path)
                except OSError:
                    continue
                with source, archive.open(_zip_info(name, entry), "w", force_zip64=True) as target:
                    while block := source.read(1 << 20):
                        target.write(block)


def _zip_info(name: str, entry: Entry) -> zipfile.ZipInfo:
    date = time.gmtime(max(entry.modified, 315532800))[:6]
    info = zipfile.ZipInfo(name, date)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _remove(parent: int, name: str) -> None:
    info = os.lstat(name, dir_fd=parent)
    if not stat.S_ISDIR(info.st_mode):
        os.unlink(name, dir_fd=parent)
        return
    here = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        for child in [entry.name for entry in os.scandir(here)]:
            _remove(here, child)
    finally:
        os.close(here)
    os.rmdir(name, dir_fd=parent)


class PendingFile:
    """A file on its way into a tree: nobody sees it before ``commit``."""

    def __init__(self, parent: int, name: str) -> None:
        self._parent = parent
        self._name = name
        self._temporary = f".{name[:200]}.{os.urandom(6).hex()}.part"
        fd = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=parent)
        self._file = os.fdopen(fd, "wb")

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def commit(self) -> None:
        """Raises IsADirectoryError when a directory has the name."""
        self._file.close()
        os.rename(self._temporary, self._name, src_dir_fd=self._parent, dst_dir_fd=self._parent)
        os.close(self._parent)

    def discard(self) -> None:
        self._file.close()
        try:
            os.unlink(self._temporary, dir_fd=self._parent)
        except OSError:
            pass
        os.close(self._parent)


async def zip_stream(tree: Tree, path: str) -> AsyncIterator[bytes]:
    """A directory as a zip, made as fast as it is read: a thread writes into a pipe."""
    read_fd, write_fd = os.pipe()
    failure: list[BaseException] = []

    def produce() -> None:
        try:
            with os.fdopen(write_fd, "wb") as output:
                tree.zip_to(path, output)
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    with os.fdopen(read_fd, "rb", buffering=0) as source:
        while block := await asyncio.to_thread(source.read, 1 << 18):
            yield block
    await asyncio.to_thread(thread.join)
    if failure:
        raise failure[0]
