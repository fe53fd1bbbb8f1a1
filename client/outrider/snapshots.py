"""Uploads workspaces: collects files, checks the size limit, packs, and sends each archive once.

Reads the file system through ``workspace`` and sends through ``transport``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import download
from .errors import NotFound, WorkspaceError
from .files import UPLOAD_TIMEOUT
from .models import Snapshot, build
from .transport import SERVICE, Transport
from .workspace import archive, source
from .workspace.archive import Archive
from .workspace.collect import Collection, Entry, collect

DEFAULT_LIMIT_MB = 512
NAMED = 5
"""How many of the largest files the error names."""


class Observer:
    """Callbacks about an upload; all do nothing unless overridden."""

    def found(self, files: int, size: int) -> None:
        """The workspace has this many files and bytes. Called before anything is read."""

    def warning(self, text: str) -> None:
        """Something was excluded although no rule says so."""

    def packed(self, done: int, total: int) -> None:
        """Bytes packed so far, and in total."""

    def sent(self, done: int, total: int) -> None:
        """Bytes of the archive sent so far, and in total."""

    def known(self, size: int) -> None:
        """The platform already has this workspace; nothing was sent."""


class Snapshots:
    """Uploaded workspaces, identified by the hash of their bytes."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, snapshot_id: str) -> Snapshot:
        """An uploaded workspace of the caller's."""
        return build(Snapshot, self._transport.json("GET", f"{SERVICE}/snapshots/{snapshot_id}"))

    def prepare(
        self,
        workspace: str | os.PathLike[str] = ".",
        *,
        ignore_files: Sequence[str | os.PathLike[str]] = (),
        ignore: Sequence[str] = (),
        observer: Observer | None = None,
    ) -> dict[str, Any]:
        """The ``workspace`` of a submission; uploads it if necessary.

        ``workspace``: a directory, a zip file, a git URL with or without ``@REF``, or "none".
        """
        watch = observer or Observer()
        meant = source.parse(workspace)
        if isinstance(meant, source.Nothing):
            return {"type": "none"}
        if isinstance(meant, source.Git):
            git = {"type": "git", "url": meant.url}
            return {**git, "ref": meant.ref} if meant.ref else git
        if isinstance(meant, source.Zip):
            packed = archive.given(meant.path)
            watch.found(packed.files, packed.size)
            check_size([Entry(meant.path.name, meant.path, packed.size, False)], self.limit_mb())
            return {"type": "snapshot", "id": self.upload(packed, watch).id}
        found = collect(meant.path, [Path(file) for file in ignore_files], ignore)
        with self._pack(found, watch) as packed:
            return {"type": "snapshot", "id": self.upload(packed, watch).id}

    def _pack(self, found: Collection, watch: Observer) -> Archive:
        for text in found.warnings:
            watch.warning(text)
        total = found.size
        watch.found(len(found.entries), total)
        check_size(found.entries, self.limit_mb())
        return archive.pack(found.entries, lambda done: watch.packed(done, total))

    def upload(self, packed: Archive, observer: Observer | None = None) -> Snapshot:
        """Send an archive unless the platform already has it."""
        watch = observer or Observer()
        try:
            known = self.get(packed.id)
            watch.known(packed.size)
            return known
        except NotFound:
            pass
        answer = self._transport.request(
            "POST",
            f"{SERVICE}/snapshots",
            content=lambda: download.file_chunks(packed.path, packed.size, lambda done: watch.sent(done, packed.size)),
            headers={"Content-Length": str(packed.size), "Content-Type": "application/zip"},
            safe=True,
            timeout=UPLOAD_TIMEOUT,
        )
        snapshot = build(Snapshot, answer.json())
        if snapshot.id != packed.id:
            raise WorkspaceError("The workspace changed during the upload; try again.")
        return snapshot

    def limit_mb(self) -> int:
        """The caller's limit on a workspace's size, in MiB."""
        limits = self._transport.json("GET", f"{SERVICE}/me").get("limits") or {}
        return int(limits.get("max_upload_mb") or DEFAULT_LIMIT_MB)


def check_size(entries: Sequence[Entry], limit_mb: int) -> None:
    """Raise WorkspaceError for a workspace above the limit, naming its largest files."""
    total = sum(entry.size for entry in entries)
    if total <= limit_mb * 1024 * 1024:
        return
    largest = sorted(entries, key=lambda entry: -entry.size)[:NAMED]
    listing = "\n".join(f"  {human_size(entry.size):>10}  {entry.path}" for entry in largest)
    raise WorkspaceError(
        f"The workspace has {human_size(total)}; at most {human_size(limit_mb << 20)} can be sent. The "
        f"largest files:\n{listing}\nExclude what the job does not need (.outriderignore), and put data "
        "into /storage: outrider storage put FILE"
    )


def human_size(count: float) -> str:
    """Bytes in a human-readable unit."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
