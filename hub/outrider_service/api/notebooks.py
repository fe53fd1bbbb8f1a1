"""/notebooks: the caller's servers, what they cost and when they stop."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..auth import JOBS_READ, JOBS_WRITE
from ..capacity.leases import get_lease, mark_gpu_used, mark_kept, notebook_lease_id
from ..clock import now
from ..hubapi import HubUnreachable
from ..notebooks.leasing import rules_for
from ..notebooks.stopping import Life, next_stop
from ..notebooks.stops import last_stop
from ..schema.resources import GpuUse, Notebook, NotebookList, NotebookStart
from .errors import ApiError, not_found
from .render import moment
from .routing import Call, Route


def server_name(in_path: str) -> str:
    """The default server has no name; in an address it is "-"."""
    return "" if in_path == "-" else in_path


def _time(value: Any) -> datetime | None:
    return datetime.fromisoformat(value.replace("Z", "+00:00")) if value else None


async def render(call: Call, server: str, model: dict[str, Any]) -> Notebook:
    """A server as its owner sees it, from the Hub's answer and the server's lease."""
    service, lease_id = call.service, notebook_lease_id(call.caller.name, server)
    async with service.db.read() as conn:
        lease = await get_lease(conn, lease_id)
        culled = await last_stop(conn, lease_id)
    started, activity = _time(model.get("started")), _time(model.get("last_activity"))
    running = bool(model.get("ready") or model.get("pending"))
    stop = None
    if running and started is not None:
        rules = rules_for(service.catalog.machine(lease.machine) if lease else None, lease)
        used = (activity or started).timestamp()
        life = Life(started.timestamp(), used, *((lease.gpu_used_at, lease.kept_at) if lease else ()))
        stop = next_stop(rules, life, service.cull_timeout_s)
    hours = (now() - lease.started_at) / 3600 if lease is not None and lease.started_at is not None else 0.0
    last = None if running else culled
    return Notebook(
        server=server,
        ready=bool(model.get("ready")),
        pending=model.get("pending"),
        url=model.get("url") or "",
        image=lease.image if lease else None,
        machine=lease.machine if lease else None,
        price_per_hour=lease.price_per_hour if lease else 0.0,
        cost=round(hours * lease.price_per_hour, 6) if lease else 0.0,
        started_at=started or moment(lease.created_at if lease else None),
        last_activity=activity or started,
        stops_at=moment(stop.at) if stop else None,
        stop_reason=stop.reason if stop else last.reason if last else None,
        stop_final=stop.final if stop else False,
        stopped_at=moment(last.stopped_at) if last else None,
    )


async def _servers(call: Call) -> dict[str, dict[str, Any]]:
    try:
        return await call.service.hub.servers(call.caller.name)
    except HubUnreachable as error:
        raise ApiError(502, f"The Hub could not list your servers: {error}.") from error


async def list_notebooks(call: Call) -> NotebookList:
    return NotebookList(items=[await render(call, name, model) for name, model in (await _servers(call)).items()])


async def one_notebook(call: Call) -> Notebook:
    server = server_name(call.path["server"])
    model = (await _servers(call)).get(server)
    if model is None:
        raise not_found("notebook")
    return await render(call, server, model)


async def keep(call: Call) -> Notebook:
    current = await one_notebook(call)
    if not current.ready:
        raise ApiError(409, "The notebook is not running.")
    if current.stop_final:
        raise ApiError(409, f"The notebook cannot be kept longer: {current.stop_reason}.")
    try:
        await call.service.hub.report_activity(call.caller.name, current.server)
    except HubUnreachable as error:
        raise ApiError(502, f"The notebook could not be kept alive: {error}.") from error
    async with call.service.db.write() as conn:
        await mark_kept(conn, notebook_lease_id(call.caller.name, current.server), now())
    return await one_notebook(call)


async def gpu_used(call: Call) -> None:
    """The notebook's server reports when its GPUs were last used; a time in the future counts as now."""
    lease_id = notebook_lease_id(call.caller.name, server_name(call.path["server"]))
    async with call.service.db.write() as conn:
        await mark_gpu_used(conn, lease_id, min(call.body.used_at.timestamp(), now()))


async def start(call: Call) -> Notebook:
    """Starts it through the Hub, whose spawner then asks for the machine: the same rules apply as in the browser."""
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
    """Not an error if it does not run."""
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
        "Keep the server alive for another period",
        response=Notebook,
    ),
    Route(
        "PUT",
        "/notebooks/{server}/gpu",
        gpu_used,
        JOBS_WRITE,
        "The notebook's server: when its GPUs were last used",
        request=GpuUse,
        status=204,
    ),
]
