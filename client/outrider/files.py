"""Trees of files on the platform: a job's artifacts, its workspace, and the caller's /storage.

Reads through ``transport`` and writes only below the directory that the caller names: a path that would lead out of it
is refused, even if the service sent it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Callable, Optional

import httpx

from . import download
from .errors import NotFound, OutriderError
from .models import FileEntry, build
from .transport import Transport, subpath

FileProgress = Callable[[str, int, Optional[int]], None]
"""Called with a file's path, the bytes so far and the total, if known."""

UPLOAD_TIMEOUT = httpx.Timeout(120.0, connect=10.0)


def relative(path: str) -> str:
    """A normalized path inside a tree: no leading slash, no way out."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path:
        raise OutriderError(f"{path!r} leads out of the tree; name a path inside it.")
    return "/".join(parts)


class FileTree:
    """A tree at an address; ``name`` is for messages."""

    def __init__(self, transport: Transport, root: str, name: str) -> None:
        self._transport = transport
        self._root = root
        self._name = name

    def list(self, path: str = "", *, recursive: bool = False) -> Iterator[FileEntry]:
        """The entries at ``path``, page by page."""
        cursor: str | None = None
        while True:
            params = {"path": relative(path) or None, "recursive": recursive or None, "cursor": cursor}
            page = self._transport.json("GET", self._root, params=params)
            for item in page["items"]:
                yield build(FileEntry, item)
            cursor = page.get("next")
            if not cursor:
                return

    def find(self, path: str) -> FileEntry:
        """The entry at ``path``; the root is a directory."""
        wanted = relative(path)
        if not wanted:
            return FileEntry("", "directory", 0, None)
        parent = str(PurePosixPath(wanted).parent)
        try:
            for entry in self.list("" if parent == "." else parent):
                if relative(entry.path) == wanted:
                    return entry
        except NotFound:
            pass
        raise NotFound(f"There is no {wanted} in {self._name}.", 404)

    def read_into(self, path: str, out: BinaryIO, progress: FileProgress | None = None) -> int:
        """Download one file into an open file or pipe; returns the bytes written."""
        return download.to_stream(self._transport, self._address(path), out, progress=_named(progress, path))

    def download(
        self, path: str = "", directory: str | os.PathLike[str] = ".", progress: FileProgress | None = None
    ) -> Iterator[Path]:
        """Download the file or directory at ``path`` into ``directory``; yields each finished file.

        A file keeps its name, a directory its name and contents; of the root only the contents are downloaded.
        """
        wanted = relative(path)
        base = Path(directory)
        above = PurePosixPath(wanted).parent
        if self.find(wanted).type == "file":
            yield self._fetch(wanted, base, above, progress)
            return
        for entry in self.list(wanted, recursive=True):
            if entry.type == "file":
                yield self._fetch(relative(entry.path), base, above, progress)
            else:
                _inside(base, PurePosixPath(relative(entry.path)).relative_to(above)).mkdir(parents=True, exist_ok=True)

    def _fetch(self, path: str, base: Path, above: PurePosixPath, progress: FileProgress | None) -> Path:
        target = _inside(base, PurePosixPath(path).relative_to(above))
        return download.to_file(self._transport, self._address(path), target, progress=_named(progress, path))

    def _address(self, path: str) -> str:
        return f"{self._root}/{subpath(relative(path))}"


class Storage(FileTree):
    """The caller's /storage, which their notebooks and jobs share."""

    def put(
        self,
        source: str | os.PathLike[str],
        path: str = "",
        progress: FileProgress | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> Iterator[str]:
        """Upload a file or a directory to ``path``; yields each uploaded file's path.

        Like cp: into ``path`` if that is empty, ends with a slash or is a directory, else as ``path``. Special files
        and links out of the directory are skipped; ``warn`` is called for each.
        """
        local = Path(source)
        if not local.exists():
            raise OutriderError(f"There is no {local} here.")
        target = relative(path)
        name = Path(os.path.abspath(local)).name  # noqa: PTH100  # a link keeps its own name
        if not target or path.endswith("/") or self._is_directory(target):
            target = f"{target}/{name}" if target else name
        if not local.is_dir():
            yield self._send(local, target, progress)
            return
        for file in sorted(_files_below(local, warn or (lambda _: None))):
            yield self._send(file, f"{target}/{file.relative_to(local).as_posix()}", progress)

    def remove(self, path: str, *, recursive: bool = False) -> None:
        """Remove a file, or with ``recursive`` a directory and its contents."""
        wanted = relative(path)
        if not wanted:
            raise OutriderError("/storage itself cannot be removed; name a file or directory in it.")
        if not recursive and self.find(wanted).type == "directory":
            raise OutriderError(f"{wanted} is a directory; use recursive, or rm -r.")
        self._transport.json("DELETE", self._address(wanted), safe=True)

    def _is_directory(self, path: str) -> bool:
        try:
            return self.find(path).type == "directory"
        except NotFound:
            return False

    def _send(self, file: Path, path: str, progress: FileProgress | None) -> str:
        try:
            size = file.stat().st_size
            self._transport.request(
                "PUT",
                self._address(path),
                content=lambda: download.file_chunks(
                    file, size, (lambda done: progress(path, done, size)) if progress else None
                ),
                headers={"Content-Length": str(size), "Content-Type": "application/octet-stream"},
                safe=True,
                timeout=UPLOAD_TIMEOUT,
            )
        except OSError as error:
            raise OutriderError(f"{file} cannot be read: {error.strerror or error}") from error
        return path


def _files_below(directory: Path, warn: Callable[[str], None]) -> Iterator[Path]:
    root = directory.resolve()
    for place, directories, names in os.walk(directory):
        for name in names:
            file = Path(place) / name
            if not file.is_file():
                warn(f"{file} is not a regular file; skipped.")
            elif file.is_symlink() and root not in file.resolve().parents:
                warn(f"{file} is a link that leads out of {directory}; skipped.")
            else:
                yield file
        for name in directories:
            if (Path(place) / name).is_symlink():
                warn(f"{Path(place) / name} is a link to a directory; skipped.")


def _inside(base: Path, path: PurePosixPath) -> Path:
    """``path`` below ``base``. Raises OutriderError if a link in ``base`` leads elsewhere."""
    target = base.joinpath(*path.parts)
    root = base.resolve()
    if target.parent.resolve() != root and root not in target.parent.resolve().parents:
        raise OutriderError(f"{target} leads out of {base}; nothing was written there.")
    return target


def _named(progress: FileProgress | None, path: str) -> download.Progress | None:
    if progress is None:
        return None
    return lambda done, total: progress(path, done, total)
