"""The folder of a file as a job's workspace: what it holds, and how it gets to the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from .service import Service, ServiceError

BLOCK = 1 << 18
SHOWN = 20


def folder_of(root: Path, path: str) -> tuple[Path, str]:
    """The folder that goes along, and the file's name in it. Raises ServiceError for what lies outside the root."""
    target = (root / path.strip("/")).resolve()
    if not target.is_relative_to(root.resolve()) or not target.exists():
        raise ServiceError(404, f"There is no file {path!r} here.", "path")
    return (target, "") if target.is_dir() else (target.parent, target.name)


def _collect(folder: Path) -> Any:
    from outrider.errors import WorkspaceError
    from outrider.workspace.collect import collect

    try:
        return collect(folder)
    except WorkspaceError as error:
        raise ServiceError(422, str(error), "workspace") from error


async def preview(folder: Path) -> dict[str, Any]:
    """Size, number and the largest of the files that would be sent."""
    found = await asyncio.to_thread(_collect, folder)
    largest = sorted(found.entries, key=lambda entry: -entry.size)[:SHOWN]
    return {
        "folder": str(folder),
        "files": len(found.entries),
        "size": found.size,
        "largest": [{"path": entry.path, "size": entry.size} for entry in largest],
        "warnings": found.warnings[:SHOWN],
    }


async def submit(service: Service, root: Path, path: str, submission: dict[str, Any]) -> Any:
    """Upload the folder of ``path`` and submit; the submission's own workspace, if it has one, stands."""
    if "workspace" not in submission:
        folder, _ = folder_of(root, path)
        submission["workspace"] = {"type": "snapshot", "id": await _upload(service, folder)}
    return await service.call("POST", "/jobs", submission)


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
