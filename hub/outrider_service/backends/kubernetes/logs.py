"""Reads what an attempt's runners wrote to the platform's volume. Jobs can write there too, so it is untrusted: only
regular files, opened beneath their directory, are read.

``<node>.log`` is written by the runner, with a time on each line. If the image has no Python for the runner, there is
``<node>.raw`` instead; its lines get the time at which they are read.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ...storage.trees import open_beneath
from ..base import RawLog
from ..log_chunks import next_piece

RAW: Final = "raw:"
RAW_PIECE: Final = 64 * 1024


def read_piece(folder: Path, node: int, cursor: str | None, *, final: bool) -> RawLog | None:
    """The next chunk of a node's output, or None if there is nothing yet. ``final``: the log is complete."""
    if cursor is None or not cursor.startswith(RAW):

        def read(position: int, size: int) -> bytes:
            return _read(folder, f"{node}.log", position, size)

        piece = next_piece(read, cursor, final=final)
        if piece is not None or cursor is not None:
            return piece
    return _raw_piece(folder, node, int((cursor or RAW + "0").removeprefix(RAW)), final=final)


def _raw_piece(folder: Path, node: int, position: int, *, final: bool) -> RawLog | None:
    data = _read(folder, f"{node}.raw", position, RAW_PIECE)
    end = data.rfind(b"\n") + 1
    if end == 0 and (not data or (len(data) < RAW_PIECE and not final)):
        return None
    taken = data[:end] if end else data
    stamp = f"{time.time():.6f} ".encode()
    lines = taken.rstrip(b"\n").split(b"\n") if end else [taken]
    return RawLog(b"".join(stamp + line + b"\n" for line in lines), f"{RAW}{position + len(taken)}")


def sizes(folder: Path, node: int) -> tuple[int, ...]:
    """The sizes of the node's two files, 0 if missing; empty if unreadable. Opens them, because only that makes NFS
    refresh its cached sizes."""
    found = []
    try:
        for ending in ("log", "raw"):
            with _opened(folder, f"{node}.{ending}") as fd:
                found.append(0 if fd is None else os.fstat(fd).st_size)
    except OSError:
        # Reading it fails in the same way, and reports it.
        return ()
    return tuple(found)


def _read(folder: Path, name: str, position: int, size: int) -> bytes:
    with _opened(folder, name) as fd:
        return b"" if fd is None else os.pread(fd, size, position)


@contextmanager
def _opened(folder: Path, name: str) -> Iterator[int | None]:
    """The regular file of that name, open; None if there is none."""
    fd = _open(folder, name)
    if fd is None:
        yield None
        return
    try:
        yield fd if stat.S_ISREG(os.fstat(fd).st_mode) else None
    finally:
        os.close(fd)


def _open(folder: Path, name: str) -> int | None:
    try:
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        # Opening a FIFO must not block.
        return open_beneath(root, name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    finally:
        os.close(root)
