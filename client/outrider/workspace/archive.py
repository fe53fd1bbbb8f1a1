"""Packs a workspace reproducibly: the same files give the same bytes, so that uploading them again costs nothing.

Entries are sorted, without time and owner, and with only the executable bit of the mode, as in Git. Writes one
temporary file; holds no file in memory."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Callable

from ..errors import WorkspaceError
from .collect import Entry

EPOCH = (1980, 1, 1, 0, 0, 0)
CHUNK = 1 << 18


@dataclass
class Archive:
    """A zip on disk; ``id`` is the platform's name for it. A temporary one is deleted with its context."""

    path: Path
    id: str
    size: int
    files: int
    temporary: bool

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.temporary:
            self.path.unlink(missing_ok=True)


def pack(entries: Sequence[Entry], progress: Callable[[int], None] | None = None) -> Archive:
    """Pack sorted entries as a zip in the temporary directory."""
    try:
        descriptor, name = tempfile.mkstemp(prefix="outrider-", suffix=".zip")
        path = Path(name)
        try:
            with os.fdopen(descriptor, "w+b") as out:
                _write(out, entries, progress)
            return Archive(path, content_id(path), path.stat().st_size, len(entries), temporary=True)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        place = error.filename or tempfile.gettempdir()
        raise WorkspaceError(f"The workspace cannot be packed: {place}: {error.strerror or error}") from error


def _write(out: BinaryIO, entries: Sequence[Entry], progress: Callable[[int], None] | None) -> None:
    done = 0
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as bundle:
        for entry in entries:
            info = zipfile.ZipInfo(_name(entry.path), EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, so that the mode is used
            info.external_attr = (0o100755 if entry.executable else 0o100644) << 16
            info.file_size = entry.size
            with entry.source.open("rb") as source, bundle.open(info, "w") as target:
                # No more than when the files were counted: a file may be growing.
                left = entry.size
                while left and (chunk := source.read(min(CHUNK, left))):
                    target.write(chunk)
                    left -= len(chunk)
                    done += len(chunk)
                    if progress:
                        progress(done)


def _name(path: str) -> str:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        raise WorkspaceError(
            f"The name of {os.fsencode(path)!r} is not UTF-8; rename the file or exclude it."
        ) from None
    return path


def given(path: Path) -> Archive:
    """A zip that the user created."""
    try:
        if not zipfile.is_zipfile(path):
            raise WorkspaceError(f"{path} is not a zip file.")
        with zipfile.ZipFile(path) as bundle:
            files = sum(not info.is_dir() for info in bundle.infolist())
        return Archive(path, content_id(path), path.stat().st_size, files, temporary=False)
    except (OSError, zipfile.BadZipFile) as error:
        raise WorkspaceError(f"{path} cannot be read: {error}") from error


def content_id(path: Path) -> str:
    """The platform's id for these bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"
