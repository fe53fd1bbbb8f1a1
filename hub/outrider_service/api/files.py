"""Artifacts, workspaces and /storage: lists, downloads with ranges, directories as zip streams, uploads."""

from __future__ import annotations

import mimetypes
import os
import re
from itertools import islice
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, Field

from ..auth import JOBS_READ, STORAGE_READ, STORAGE_WRITE
from ..clock import now
from ..schema.resources import FileEntry, FileList
from ..storage.directories import slug
from ..storage.trees import BadPath, Entry, Tree, clean
from .errors import ApiError, not_found
from .render import instant
from .routing import Call, Route

BLOCK = 1 << 18


class ListQuery(BaseModel, extra="forbid"):
    path: Annotated[str, Field(max_length=4096)] = ""
    recursive: bool = False
    cursor: Annotated[str, Field(max_length=4096)] | None = None
    limit: Annotated[int, Field(ge=1, le=5000)] = 1000


def artifacts_tree(call: Call) -> Tree:
    return Tree(call.service.directories.artifacts(call.job.id))


def workspace_tree(call: Call) -> Tree:
    return Tree(call.service.directories.workspace(call.job.id))


def storage_tree(call: Call) -> Tree:
    own, groups = call.service.directories, call.caller.groups
    own.make_storage(call.caller.name, groups)
    return Tree(own.storage(call.caller.name), {f"teams/{slug(group)}": own.team(group) for group in groups})


def _entry(entry: Entry) -> FileEntry:
    return FileEntry(
        path=entry.path,
        type="directory" if entry.directory else "file",
        size=entry.size,
        modified=instant(entry.modified),
    )


def _listing(tree: Tree, query: ListQuery) -> FileList:
    try:
        # Sorted by name, so that a page continues after the last one even if that file has been deleted since.
        after = clean(query.cursor or "")
        if query.recursive:
            source = tree.walk(query.path, after)
        else:
            since = PurePosixPath(after).name
            source = (entry for entry in tree.children(query.path, since) if entry.path != after)
        found = list(islice(source, query.limit + 1))
    except FileNotFoundError:
        if not clean(query.path):
            return FileList(items=[])
        raise
    page = found[: query.limit]
    return FileList(items=[_entry(entry) for entry in page], next=page[-1].path if len(found) > query.limit else None)


async def _list(call: Call, tree: Tree) -> FileList:
    try:
        return await call.in_thread(_listing, tree, call.query)
    except BadPath as error:
        raise ApiError(422, str(error), "path") from error
    except NotADirectoryError as error:
        raise ApiError(422, "path: it is a file; ask for it directly", "path") from error
    except OSError as error:
        raise not_found("directory") from error


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """The one byte range of a Range header as (first, end), None for a header to be ignored (RFC 9110, 14.2).

    Raises ApiError 416 when it lies outside.
    """
    match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", header.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        first, end = max(0, size - int(match[2])), size
    else:
        first = int(match[1])
        end = min(size, int(match[2]) + 1) if match[2] else size
    if first >= size or first >= end:
        raise ApiError(416, f"The file has {size} bytes.")
    return first, end


async def _download(call: Call, tree: Tree) -> None:
    path = call.path["path"]
    handler = call.handler
    try:
        file = await call.in_thread(tree.open, path)
    except IsADirectoryError:
        await _download_zip(call, tree, path)
        return
    except BadPath as error:
        raise ApiError(422, str(error), "path") from error
    except OSError as error:
        raise not_found("file") from error
    with file:
        info = os.fstat(file.fileno())
        size = info.st_size
        tag = f'"{info.st_mtime_ns:x}-{size:x}"'
        _describe(call, PurePosixPath(path).name)
        handler.set_header("Accept-Ranges", "bytes")
        handler.set_header("ETag", tag)
        wanted = handler.request.headers.get("Range")
        condition = handler.request.headers.get("If-Range")
        first, end = 0, size
        if wanted is not None and (condition is None or condition == tag):
            try:
                found = parse_range(wanted, size)
            except ApiError:
                handler.set_header("Content-Range", f"bytes */{size}")
                raise
            if found is not None:
                first, end = found
                call.status = 206
                handler.set_header("Content-Range", f"bytes {first}-{end - 1}/{size}")
        handler.set_status(call.status)
        handler.set_header("Content-Length", str(end - first))
        if handler.request.method == "HEAD":
            handler.finish()
            return
        position = first
        while position < end:
            block = await call.in_thread_on(os.pread, file.fileno(), min(BLOCK, end - position), position)
            if not block:
                raise OSError("the file was truncated while it was being sent")
            handler.write(block)
            await handler.flush()
            position += len(block)
        handler.finish()


def _describe(call: Call, name: str) -> None:
    """Set the type and file name; active content is confined to an opaque origin (docs/contract.md)."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    call.handler.set_header("Content-Type", kind)
    call.handler.set_header(
        "Content-Security-Policy", "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"
    )
    call.handler.set_header("Content-Disposition", f"inline; filename*=UTF-8''{quote(name, safe='')}")


async def _download_zip(call: Call, tree: Tree, path: str) -> None:
    handler = call.handler
    name = PurePosixPath(clean(path)).name or "files"
    handler.set_header("Content-Type", "application/zip")
    handler.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name, safe='')}.zip")
    if handler.request.method == "HEAD":
        handler.finish()
        return
    # One block at a time, so that a slow client holds no thread.
    blocks = tree.zip_blocks(path)
    while (block := await call.in_thread_on(next, blocks, None)) is not None:
        handler.write(block)
        await handler.flush()
    handler.finish()


async def list_artifacts(call: Call) -> FileList:
    return await _list(call, artifacts_tree(call))


async def get_artifact(call: Call) -> None:
    await _download(call, artifacts_tree(call))


async def list_workspace(call: Call) -> FileList:
    return await _list(call, workspace_tree(call))


async def get_workspace(call: Call) -> None:
    await _download(call, workspace_tree(call))


async def list_storage(call: Call) -> FileList:
    return await _list(call, storage_tree(call))


async def get_storage(call: Call) -> None:
    await _download(call, storage_tree(call))


def _keeper(call: Call) -> str:
    """Whose limit a path in /storage counts against: the team's or the caller's."""
    parts = clean(call.path["path"]).split("/")
    teams = {slug(group): group for group in call.caller.groups}
    in_team = len(parts) > 2 and parts[0] == "teams" and parts[1] in teams
    return f"group:{teams[parts[1]]}" if in_team else f"user:{call.caller.name}"


async def _room(call: Call) -> int | None:
    """Bytes that may be uploaded; None: no limit. Raises ApiError when the storage is full."""
    use, keeper = call.service.storage_use, _keeper(call)
    if use.limit(keeper) is None:
        return None
    found = await use.holding(keeper)
    if found.full:
        raise ApiError(413, f"path: {use.sentence(found)}", "path")
    return None if found.used is None or found.limit is None else found.limit - found.used


async def put_storage(call: Call) -> FileEntry:
    assert call.chunks is not None
    tree, path = storage_tree(call), call.path["path"]
    try:
        room = await _room(call)
    except BadPath as error:
        raise ApiError(422, str(error), "path") from error
    written = 0
    try:
        pending = await call.in_thread(tree.create, path)
    except BadPath as error:
        raise ApiError(422, str(error), "path") from error
    except IsADirectoryError as error:
        raise ApiError(409, "path: there is a directory with this name", "path") from error
    except OSError as error:
        raise ApiError(409, "path: a part of it is a file or leads out of /storage", "path") from error
    try:
        async for chunk in call.chunks:
            written += len(chunk)
            if room is not None and written > room:
                raise ApiError(413, f"path: only {room} bytes of the storage limit are left", "path")
            await call.in_thread_on(pending.write, chunk)
        await call.in_thread_on(pending.commit)
        call.service.storage_use.grew(_keeper(call), written)
    except IsADirectoryError as error:
        pending.discard()
        raise ApiError(409, "path: there is a directory with this name", "path") from error
    except OSError as error:
        pending.discard()
        raise ApiError(507, f"The file could not be stored: {error.strerror}.") from error
    except BaseException:
        pending.discard()
        raise
    try:
        info = await call.in_thread_on(tree.stat, path)
    except OSError:
        # Stored, and removed or replaced since by somebody else.
        return _entry(Entry(clean(path), False, written, now()))
    return _entry(Entry(clean(path), False, info.st_size, info.st_mtime))


async def delete_storage(call: Call) -> None:
    try:
        await call.in_thread(storage_tree(call).delete, call.path["path"])
        call.service.storage_use.shrank(_keeper(call))
    except BadPath as error:
        raise ApiError(422, str(error), "path") from error
    except OSError as error:
        raise not_found("file") from error


FILE = "application/octet-stream"
ROUTES = [
    Route(
        "GET",
        "/jobs/{job_id}/artifacts",
        list_artifacts,
        JOBS_READ,
        "List artifacts",
        query=ListQuery,
        response=FileList,
    ),
    Route(
        "GET",
        "/jobs/{job_id}/artifacts/{path}",
        get_artifact,
        JOBS_READ,
        "A file, or a directory as a zip",
        media=FILE,
    ),
    Route(
        "GET",
        "/jobs/{job_id}/workspace",
        list_workspace,
        JOBS_READ,
        "List the workspace",
        query=ListQuery,
        response=FileList,
    ),
    Route(
        "GET",
        "/jobs/{job_id}/workspace/{path}",
        get_workspace,
        JOBS_READ,
        "A file, or a directory as a zip",
        media=FILE,
    ),
    Route(
        "GET",
        "/storage",
        list_storage,
        STORAGE_READ,
        "List the caller's /storage",
        query=ListQuery,
        response=FileList,
    ),
    Route("GET", "/storage/{path}", get_storage, STORAGE_READ, "A file, or a directory as a zip", media=FILE),
    Route(
        "PUT",
        "/storage/{path}",
        put_storage,
        STORAGE_WRITE,
        "Store a file; missing parent directories are created",
        response=FileEntry,
        streams_body=True,
    ),
    Route("DELETE", "/storage/{path}", delete_storage, STORAGE_WRITE, "Remove a file or a directory", status=204),
]
