"""Directory trees that a hostile program made, or still changes: a way through them by descriptors alone.

No path is resolved below the root, so a link that is swapped in leads nowhere. Nothing is recursive, and few
descriptors are open at a time, since whoever made the tree chose its depth. Touches the given tree only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MOST_OPEN = 32
_REMOVAL_PASSES = 20
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass
class _Level:
    fd: int  # -1: closed for the time being
    identity: tuple[int, int]
    shut: int | None = None  # its mode, which is not the one that it has while this is inside

    def close(self) -> None:
        if self.fd >= 0:
            if self.shut is not None:
                with contextlib.suppress(OSError):
                    os.fchmod(self.fd, self.shut)
            os.close(self.fd)


class Descent:
    """A place in a tree. Use it as a context manager; it keeps the root's descriptor as its own."""

    def __init__(self, root: int) -> None:
        self._levels = [_level(root)]

    def __enter__(self) -> Descent:
        return self

    def __exit__(self, *_: object) -> None:
        for level in self._levels:
            level.close()
        self._levels = []

    @property
    def fd(self) -> int:
        """The directory where this is; valid until the next move."""
        return self._levels[-1].fd

    @property
    def depth(self) -> int:
        """0 at the root."""
        return len(self._levels) - 1

    def names(self) -> list[str]:
        """What the directory holds, in no order. Raises OSError."""
        with os.scandir(self.fd) as entries:
            return [entry.name for entry in entries]

    def status(self, name: str) -> os.stat_result:
        """Raises OSError."""
        return os.stat(name, dir_fd=self.fd, follow_symlinks=False)

    def enter(self, name: str, *, writable: bool = False) -> None:
        """Go down. A directory whose owner shut it is opened all the same, where this process may, and shut again
        behind. `writable` leaves it open, for what is in it to be removed. Raises OSError, and stays then."""
        fd, shut = _open_directory(self.fd, name, writable)
        below = _level(fd)
        below.shut = None if writable else shut
        if len(self._levels) > _MOST_OPEN and (level := self._levels[-_MOST_OPEN]).fd >= 0:
            os.close(level.fd)
            level.fd = -1
        self._levels.append(below)

    def leave(self) -> None:
        """Go up. Raises OSError with ESTALE where somebody has moved the directory meanwhile; only closing is possible
        then."""
        below, level = self._levels[-1], self._levels[-2]
        if level.fd < 0:
            above = _level(os.open("..", _OPEN_DIRECTORY, dir_fd=below.fd))
            if above.identity != level.identity:
                os.close(above.fd)
                raise OSError(errno.ESTALE, "a directory was moved while it was read")
            level.fd = above.fd
        self._levels.pop().close()


def statuses(root: int) -> Iterator[os.stat_result]:
    """The status of everything below a directory. What vanishes meanwhile, or cannot be read, is left out. Raises
    OSError with ESTALE as `Descent.leave` does."""
    with Descent(os.dup(root)) as here:
        waiting = [here.names()]
        while waiting:
            if not waiting[-1]:
                waiting.pop()
                if waiting:
                    here.leave()
                continue
            name = waiting[-1].pop()
            with contextlib.suppress(FileNotFoundError, PermissionError, NotADirectoryError):
                status = here.status(name)
                yield status
                if stat.S_ISDIR(status.st_mode):
                    here.enter(name)
                    waiting.append(_names_or_none(here))


def _names_or_none(here: Descent) -> list[str]:
    try:
        return here.names()
    except OSError:
        return []


def remove_tree(path: str | Path) -> None:
    """Delete a file, a link or a directory with all that it holds, however deep, shut or changing. The directories
    above `path` are taken as they are. Raises OSError."""
    path = Path(path)
    try:
        parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        for attempt in range(1, _REMOVAL_PASSES + 1):
            try:
                _remove(parent, path.name)
                return
            except OSError as error:
                # Somebody writes into it, or moves parts of it.
                if error.errno not in (errno.ENOTEMPTY, errno.ESTALE) or attempt == _REMOVAL_PASSES:
                    raise
    finally:
        os.close(parent)


def _remove(parent: int, name: str) -> None:
    if _unlinked(parent, name):
        return
    try:
        root, _ = _open_directory(parent, name, writable=True)
    except (FileNotFoundError, NotADirectoryError):
        return  # removed, or replaced, by somebody else; the second is found at the next removal
    with Descent(root) as here:
        way: list[str] = []
        waiting = [here.names()]
        while waiting:
            if waiting[-1]:
                below = waiting[-1].pop()
                if _unlinked(here.fd, below):
                    continue
                try:
                    here.enter(below, writable=True)
                except (FileNotFoundError, NotADirectoryError):
                    continue  # swapped meanwhile: the directory that holds it is then not empty
                way.append(below)
                waiting.append(here.names())
                continue
            waiting.pop()
            if waiting:
                here.leave()
                _rmdir(here.fd, way.pop())
    _rmdir(parent, name)


def _unlinked(parent: int, name: str) -> bool:
    """Remove what is no directory; whether there is nothing left of it."""
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return True
    except (IsADirectoryError, PermissionError) as error:
        # Of a directory, Linux says the first and POSIX the second.
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                return False
            raise error
    return True


def _rmdir(parent: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        try:
            os.rmdir(name, dir_fd=parent)
        except NotADirectoryError as error:
            raise OSError(errno.ENOTEMPTY, "something else was put in its place", name) from error


def _level(fd: int) -> _Level:
    status = os.fstat(fd)
    return _Level(fd, (status.st_dev, status.st_ino))


def _open_directory(parent: int, name: str, writable: bool) -> tuple[int, int | None]:
    """The directory, and the mode that it had if it had to be changed: by a descriptor, never by a name."""
    wanted = stat.S_IRWXU if writable else stat.S_IRUSR | stat.S_IXUSR
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        changed = mode & wanted != wanted
        if changed:
            with contextlib.suppress(PermissionError):  # somebody else's, whom its mode may well let in
                os.chmod(f"/proc/self/fd/{handle}", mode | wanted)  # noqa: PTH101
        return os.open(".", _OPEN_DIRECTORY, dir_fd=handle), mode if changed else None
    finally:
        os.close(handle)
