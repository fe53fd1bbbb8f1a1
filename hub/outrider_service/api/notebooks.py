"""/notebooks: the caller's servers, what they cost and when they stop."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ..auth import JOBS_READ, JOBS_WRITE
from ..clock import now
from ..hubapi import HubUnreachable
from ..schema.resources import Notebook, NotebookList, NotebookStart
from ..usage.leases import Lease, get_lease, notebook_lease_id
from .errors import ApiError, not_found
from .render import moment
from .routing import Call, Route


def server_name(in_path: str) -> str:
    """The default server has no name; in an address it is "-"."""
    return "" if in_path == "-" else in_path


def _time(value: Any) -> datetime | None:
    return datetime.fromisoformat(value.replace("Z", "+00:00")) if value else None


def render(server: str, model: dict[str, Any], lease: Lease | None, cull_s: float) -> Notebook:
    """A server as its owner sees it; ``cull_s`` 0: never stopped for being idle."""
    activity = _time(model.get("last_activity")) or _time(model.get("started"))
    running = bool(model.get("ready") or model.get("pending"))
    stops_at = activity + timedelta(seconds=cull_s) if running and activity and cull_s else None
    hours = (now() - lease.started_at) / 3600 if lease is not None and lease.started_at is not None else 0.0
    return Notebook(
        server=server,
        ready=bool(model.get("ready")),
        pending=model.get("pending"),
        url=model.get("url") or "",
        image=lease.image if lease else None,
        machine=lease.machine if lease else None,
        price_per_hour=lease.price_per_hour if lease else 0.0,
        cost=round(hours * lease.price_per_hour, 6) if lease else 0.0,
        started_at=_time(model.get("started")) or moment(lease.created_at if lease else None),
        last_activity=activity,
        stops_at=stops_at,
        stop_reason="not used for too long" if stops_at else None,
    )


async def _servers(call: Call) -> dict[str, dict[str, Any]]:
    try:
        return await call.service.hub.servers(call.caller.name)
    except HubUnreachable as error:
        raise ApiError(502, f"Your servers are unknown for now: {error}.") from error


async def list_notebooks(call: Call) -> NotebookList:
    found = []
    for server, model in (await _servers(call)).items():
        async with call.service.db.read() as conn:
            lease = await get_lease(conn, notebook_lease_id(call.caller.name, server))
        found.append(render(server, model, lease, call.service.cull_timeout_s))
    return NotebookList(items=found)


async def one_notebook(call: Call) -> Notebook:
    server = server_name(call.path["server"])
    model = (await _servers(call)).get(server)
    if model is None:
        raise not_found("notebook")
    async with call.service.db.read() as conn:
        lease = await get_lease(conn, notebook_lease_id(call.caller.name, server))
    return render(server, model, lease, call.service.cull_timeout_s)


async def keep(call: Call) -> Notebook:
    current = await one_notebook(call)
    if not current.ready:
        raise ApiError(409, "The notebook is not running.")
    try:
        await call.service.hub.report_activity(call.caller.name, current.server)
    except HubUnreachable as error:
        raise ApiError(502, f"It could not be kept alive: {error}.") from error
    return await one_notebook(call)


async def start(call: Call) -> Notebook:
    """Through the Hub, whose spawner then asks for the machine: its rules are the same as in the browser."""
    server = server_name(call.path["server"])
    chosen = {name: value for name, value in call.body.model_dump().items() if value is not None}
    try:
        refusal = await call.service.hub.start_server(call.caller.name, server, chosen)
    except HubUnreachable as error:
        raise ApiError(502, f"The notebook could not be started: {error}.") from error
    if refusal is not None:
        raise ApiError(409, refusal)
    return await one_notebook(call)


async def stop(call: Call) -> None:
    """One that does not run is stopped already."""
    try:
        await call.service.hub.stop_server(call.caller.name, server_name(call.path["server"]))
    except HubUnreachable as error:
        raise ApiError(502, f"The notebook could not be stopped: {error}.") from error


ROUTES = [
    Route("GET", "/notebooks", list_notebooks, JOBS_READ, "The caller's notebook servers", response=NotebookList),
    Route("GET", "/notebooks/{server}", one_notebook, JOBS_READ, "One server", response=Notebook),
    Route(
        "POST",
        "/notebooks/{server}",
        start,
        JOBS_WRITE,
        "Start a server",
        request=NotebookStart,
        response=Notebook,
        status=202,
    ),
    Route("DELETE", "/notebooks/{server}", stop, JOBS_WRITE, "Stop a server; its files stay", status=204),
    Route(
        "POST",
        "/notebooks/{server}/keep",
        keep,
        JOBS_WRITE,
        "Stay alive for another period",
        response=Notebook,
    ),
]
