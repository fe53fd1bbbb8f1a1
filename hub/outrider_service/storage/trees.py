"""Directory trees with users' files: artifacts, storage, workspaces. Every path is hostile.

All access goes through descriptors opened with ``openat2(RESOLVE_BENEATH)``: the kernel itself refuses ``..``,
absolute links and links that lead out, without a moment between check and use. Links inside the tree work. Where
the system call is missing (old kernels), paths are walked one part at a time and links are refused.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import threading
import time
import zipfile
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from outrider_sandbox import Descent, remove_tree

from ..user_threads import check

SYS_OPENAT2: Final = 437
RESOLVE_NO_MAGICLINKS: Final = 0x02
RESOLVE_BENEATH: Final = 0x08

_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class BadPath(ValueError):
    """The path does not exist or leads out of the tree."""


LONGEST_NAME: Final = 255
LONGEST_PATH: Final = 4096
WALK_TRIES: Final = 5
"""How often a walk goes on after a directory was moved away under it."""
ZIP_BLOCK: Final = 1 << 18
ZIP_STEP_S: Final = 0.25
"""How long one step of making a zip may take before it hands out what there is: others of the same user wait."""
FIRST_MOMENT: Final = 315532800.0
"""The beginning of 1980, before which a zip knows no dates."""
LAST_MOMENT: Final = 4354819198.0
"""The end of 2107, after which a zip knows no dates; whoever says "later" of a file gets this."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or directory; ``path`` is relative to the tree's root, ``modified`` in seconds since 1970."""

    path: str
    directory: bool
    size: int
    modified: float


def clean(path: str) -> str:
    """A relative path in its plain form; "" is the root. Raises BadPath for what leaves it."""
    if "\x00" in path or len(path) > LONGEST_PATH:
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
    """One tree. Methods are synchronous; call those that read much in a thread.

    ``others``: directories that appear in the tree, by their paths there, without lying in it.
    """

    def __init__(self, root: Path, others: Mapping[str, Path] | None = None) -> None:
        self.root = root
        self._others = dict(others or {})
        self._between = {str(parent) for path in self._others for parent in PurePosixPath(path).parents} - {"."}

    def _place(self, path: str) -> tuple[Path, str]:
        """The directory in which a path lies, and the path from there."""
        plain = clean(path)
        for place, root in self._others.items():
            if f"{plain}/".startswith(f"{place}/"):
                return root, plain[len(place) + 1 :]
        return self.root, plain

    def _open(self, path: str, flags: int, mode: int = 0) -> int:
        root, rest = self._place(path)
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return open_beneath(fd, rest, flags, mode)
        finally:
            os.close(fd)

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

    def children(self, path: str, since: str = "") -> Iterator[Entry]:
        """What a directory holds, in the order of names, from the name ``since`` on; what leads out of the tree, is no
        file or has a name that is not UTF-8 (nobody could ask for it) is left out. Raises OSError."""
        base = clean(path)
        appear = {_name_below(base, place) for place in (*self._others, *self._between)} - {None}
        names = sorted({str(name) for name in appear} | (set() if base in self._between else self._names(base)))
        for name in names[bisect_left(names, since) :]:
            check()
            entry = self._entry(f"{base}/{name}" if base else name)
            if entry is not None:
                yield entry

    def _names(self, path: str) -> set[str]:
        fd = self._open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return {entry.name for entry in os.scandir(fd) if _is_utf8(entry.name)}
        finally:
            os.close(fd)

    def _entry(self, path: str) -> Entry | None:
        if path in self._between:
            return Entry(path, True, 0, 0.0)
        try:
            info = self.stat(path)
        except (OSError, BadPath):
            return None
        return _entry_of(path, info)

    def walk(self, path: str = "", after: str = "") -> Iterator[Entry]:
        """Everything below a directory, parents first, and of that what follows the path ``after``; links to
        directories are not followed, and what lies too deep for a path is left out. Raises OSError."""
        for _ in range(WALK_TRIES):
            try:
                for entry in self._walk(clean(path), after):
                    yield entry
                    after = entry.path
                return
            except OSError as error:
                if error.errno != errno.ESTALE:
                    raise
                # A directory was moved while it was read: on from the last entry, by its path.

    def _walk(self, base: str, after: str) -> Iterator[Entry]:
        if base in self._between:
            for child in self.children(base):
                yield from self._appearing(child, after)
            return
        seen = after.split("/") if after else []
        way = base.split("/") if base else []
        with Descent(self._open(base, os.O_RDONLY | os.O_DIRECTORY)) as here:
            waiting = [self._names_after(here, way, seen)]
            while waiting:
                check()
                if not waiting[-1]:
                    waiting.pop()
                    if waiting:
                        here.leave()
                        way.pop()
                    continue
                way.append(waiting[-1].pop())
                entry, enterable = self._entry_at(here, "/".join(way))
                if entry is not None and (entry.path in self._between or entry.path in self._others):
                    yield from self._appearing(entry, after)
                elif entry is not None:
                    if way > seen:
                        yield entry
                    with contextlib.suppress(OSError):  # removed since its parent was read
                        if enterable:
                            here.enter(way[-1])
                            waiting.append(self._names_after(here, way, seen))
                            continue
                way.pop()

    def _appearing(self, entry: Entry, after: str) -> Iterator[Entry]:
        """A directory that does not lie in the tree, and what is below it."""
        if entry.path.split("/") > (after.split("/") if after else []):
            yield entry
        yield from self._walk(entry.path, after)

    def _names_after(self, here: Descent, way: list[str], seen: list[str]) -> list[str]:
        """What a directory holds from the name on that leads to ``seen``, the first one last."""
        base = "/".join(way)
        appear = {_name_below(base, place) for place in (*self._others, *self._between)} - {None}
        try:
            found = {name for name in here.names() if _is_utf8(name)}
        except OSError:
            found = set()
        names = sorted({str(name) for name in appear} | found)
        since = "".join(seen[len(way) :][:1]) if seen[: len(way)] == way else ""
        return names[bisect_left(names, since) :][::-1]

    def _entry_at(self, here: Descent, path: str) -> tuple[Entry | None, bool]:
        """The entry of a path in the directory where ``here`` is, and whether it is a directory to go into."""
        if len(path) > LONGEST_PATH:
            return None, False
        if path in self._between or path in self._others:
            return self._entry(path), False
        try:
            info = here.status(path.rpartition("/")[2])
        except OSError:
            return None, False
        if stat.S_ISLNK(info.st_mode):
            return self._entry(path), False
        return _entry_of(path, info), stat.S_ISDIR(info.st_mode)

    def create(self, path: str) -> PendingFile:
        """A file to be written beside its target and renamed into place by ``commit``."""
        target = clean(path)
        if not target:
            raise BadPath("path: must name a file")
        if any(len(os.fsencode(part)) > LONGEST_NAME for part in target.split("/")):
            raise BadPath(f"path: contains a name longer than {LONGEST_NAME} bytes")
        if target in self._others:
            raise IsADirectoryError(errno.EISDIR, "is a directory", path)
        parent = self._make_parents(*self._place(target))
        return PendingFile(parent, PurePosixPath(target).name)

    @staticmethod
    def _make_parents(place: Path, target: str) -> int:
        root = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
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
        if not target or target in self._others:
            raise BadPath("path: the root itself cannot be removed")
        parent = self._open(str(PurePosixPath(target).parent), os.O_RDONLY | os.O_DIRECTORY)
        name = PurePosixPath(target).name
        try:
            if stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
                # By the descriptor, so that no link can be put in its way; by the number, for a helper of its own.
                remove_tree(f"/proc/{os.getpid()}/fd/{parent}/{name}")
            else:
                os.unlink(name, dir_fd=parent)
        finally:
            os.close(parent)

    def zip_blocks(self, path: str) -> Iterator[bytes]:
        """A directory as a zip, block by block (stored entries of changing files keep what was read)."""
        base, output = clean(path), _Blocks()
        with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for entry in self.walk(base):
                name = entry.path[len(base) :].lstrip("/")
                if entry.directory:
                    archive.mkdir(name)
                    continue
                try:
                    source = self.open(entry.path)
                except OSError:
                    continue
                with source, archive.open(_zip_info(name, entry), "w", force_zip64=True) as target:
                    while block := source.read(1 << 20):
                        target.write(block)
                        if output.due():
                            yield output.take()
                if output.due():
                    yield output.take()
        yield output.take()


class _Blocks:
    """What a zip is written to: a file without positions, from which is taken what has been written."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._taken_at = time.monotonic()

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        self._size += len(data)
        return len(data)

    def flush(self) -> None:
        """What is written is there at once."""

    def close(self) -> None:
        """There is nothing to close."""

    def due(self) -> bool:
        """Whether it is time to take what there is: enough, or long enough since the last block."""
        check()
        return self._size >= ZIP_BLOCK or time.monotonic() - self._taken_at > ZIP_STEP_S

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts, self._size, self._taken_at = [], 0, time.monotonic()
        return data


def _zip_info(name: str, entry: Entry) -> zipfile.ZipInfo:
    date = time.gmtime(max(entry.modified, FIRST_MOMENT))[:6]
    info = zipfile.ZipInfo(name, date)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _entry_of(path: str, info: os.stat_result) -> Entry | None:
    """None for what is neither file nor directory."""
    if not (stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode)):
        return None
    directory = stat.S_ISDIR(info.st_mode)
    return Entry(path, directory, 0 if directory else info.st_size, min(max(info.st_mtime, 0.0), LAST_MOMENT))


def _name_below(base: str, path: str) -> str | None:
    """The last part of a path that lies directly below ``base``."""
    parent, _, name = path.rpartition("/")
    return name if parent == base else None


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


class PendingFile:
    """A file on its way into a tree: nobody sees it before ``commit``. Ends by ``commit`` or ``discard``, of which the
    second to come does nothing: a request that is cut off discards what a thread may be committing."""

    def __init__(self, parent: int, name: str) -> None:
        self._ending = threading.Lock()
        self._ended = False
        self._parent = parent
        self._name = name
        self._temporary = f".{os.urandom(12).hex()}.part"
        try:
            fd = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=parent)
        except BaseException:
            os.close(parent)
            raise
        self._file = os.fdopen(fd, "wb")

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def commit(self) -> None:
        """Raises IsADirectoryError when a directory has the name."""
        with self._ending:
            if self._ended:
                return
            self._file.close()
            os.rename(self._temporary, self._name, src_dir_fd=self._parent, dst_dir_fd=self._parent)
            self._close()

    def discard(self) -> None:
        with self._ending:
            if self._ended:
                return
            with contextlib.suppress(OSError):
                self._file.close()  # what it still holds may not fit either
            with contextlib.suppress(OSError):
                os.unlink(self._temporary, dir_fd=self._parent)
            self._close()

    def _close(self) -> None:
        # Once: by a second time the number may be another file's.
        self._ended = True
        os.close(self._parent)
