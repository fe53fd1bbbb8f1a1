"""A file's folder as a job's workspace: its contents, and its upload to the service."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from .service import Service, ServiceError

BLOCK = 1 << 18
SHOWN = 20
HIDDEN = "/.*"
"""Dotfiles in the home directory are program settings, and may hold secrets."""


def folder_of(root: Path, path: str) -> tuple[Path, str]:
    """The folder to upload, and the file's name in it. Raises ServiceError for paths outside the root."""
    target = (root / path.strip("/")).resolve()
    if not target.is_relative_to(root.resolve()) or not target.exists():
        raise ServiceError(404, f"File not found: {path!r}.", "path")
    return (target, "") if target.is_dir() else (target.parent, target.name)


def _collect(folder: Path) -> Any:
    from outrider.errors import WorkspaceError
    from outrider.workspace.collect import collect

    try:
        return collect(folder, patterns=[HIDDEN] if folder == Path.home().resolve() else [])
    except WorkspaceError as error:
        raise ServiceError(422, str(error), "workspace") from error


def left_out(folder: Path, sent: Iterable[str]) -> list[str]:
    """Paths in the folder that are not uploaded. A directory without any uploaded file is listed as one path and not
    searched, as it may be huge."""
    files = set(sent)
    directories = {path[:at] for path in files for at, char in enumerate(path) if char == "/"}
    found: list[str] = []
    waiting = [""]
    while waiting:
        place = waiting.pop()
        with os.scandir(folder / place) as listing:
            for item in sorted(listing, key=lambda one: one.name):
                path = place + item.name
                if item.is_dir(follow_symlinks=False):
                    if path in directories:
                        waiting.append(path + "/")
                    else:
                        found.append(path + "/")
                elif path not in files:
                    found.append(path)
    return found


async def preview(folder: Path) -> dict[str, Any]:
    """Number, total size and largest of the files to upload, and the paths that are excluded."""
    found = await asyncio.to_thread(_collect, folder)
    stays = await asyncio.to_thread(left_out, folder, [entry.path for entry in found.entries])
    largest = sorted(found.entries, key=lambda entry: -entry.size)[:SHOWN]
    return {
        "folder": str(folder),
        "files": len(found.entries),
        "size": found.size,
        "largest": [{"path": entry.path, "size": entry.size} for entry in largest],
        "left_out": stays[:SHOWN] if len(stays) <= SHOWN else [*stays[:SHOWN], f"{len(stays) - SHOWN} more"],
        "warnings": found.warnings[:SHOWN],
    }


async def submit(service: Service, root: Path, path: str, submission: dict[str, Any], key: str | None = None) -> Any:
    """Uploads the folder of ``path`` and submits the job, unless the submission names its own workspace. ``key`` is the
    idempotency key: repeated requests with the same key create one job."""
    if "workspace" not in submission:
        folder, _ = folder_of(root, path)
        submission["workspace"] = {"type": "snapshot", "id": await _upload(service, folder)}
    return await service.call("POST", "/jobs", submission, {"Idempotency-Key": key} if key else None)


async def _upload(service: Service, folder: Path) -> str:
    from outrider.workspace.archive import pack

    found = await asyncio.to_thread(_collect, folder)
    archive = await asyncio.to_thread(pack, found.entries)
    with archive:
        try:
            await service.call("GET", f"/snapshots/{archive.id}")
        except ServiceError as error:
            if error.status != 404:
                raise
            await _send(service, archive.path)
        identity: str = archive.id
    return identity


async def _send(service: Service, path: Path) -> None:
    async def produce(write: Callable[[bytes], Awaitable[None]]) -> None:
        with path.open("rb") as file:
            while block := await asyncio.to_thread(file.read, BLOCK):
                await write(block)

    headers = {"Content-Type": "application/zip", "Content-Length": str(path.stat().st_size)}
    answer = await service.send("POST", "/snapshots", headers=headers, body_producer=produce, timeout_s=3600)
    service.decoded(answer)
