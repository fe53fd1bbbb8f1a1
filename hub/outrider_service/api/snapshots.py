"""/snapshots: uploaded workspaces."""

from __future__ import annotations

from ..auth import JOBS_WRITE
from ..schema.resources import Snapshot
from ..storage.snapshots import BadSnapshot, SnapshotTooLarge
from .errors import ApiError, not_found
from .routing import Call, Route


async def upload(call: Call) -> Snapshot:
    assert call.chunks is not None
    limit = call.service.catalog.limits(call.caller.name).max_upload_mb * 2**20
    declared = call.handler.request.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > limit:
        text = f"workspace: {int(declared) >> 20} MiB; {limit >> 20} MiB are allowed"
        raise ApiError(413, f"{text}. Exclude data with .outriderignore and put it into /storage.", "workspace")
    try:
        found = await call.service.snapshots.receive(call.chunks, call.caller.name, limit)
    except SnapshotTooLarge as error:
        raise ApiError(413, str(error), "workspace") from error
    except BadSnapshot as error:
        raise ApiError(422, str(error), "workspace") from error
    except OSError as error:
        raise ApiError(507, f"The workspace could not be stored: {error.strerror}.") from error
    if not found["created"]:
        call.status = 200
    return Snapshot(**found)


async def show(call: Call) -> Snapshot:
    found = await call.service.snapshots.get(call.path["snapshot_id"], call.caller.name)
    if found is None:
        raise not_found("snapshot")
    return Snapshot(**found)


ROUTES = [
    Route(
        "POST",
        "/snapshots",
        upload,
        JOBS_WRITE,
        "Upload a workspace (zip)",
        response=Snapshot,
        status=201,
        streams_body=True,
    ),
    Route(
        "GET",
        "/snapshots/{snapshot_id}",
        show,
        JOBS_WRITE,
        "Whether the caller has uploaded this one",
        response=Snapshot,
    ),
]
