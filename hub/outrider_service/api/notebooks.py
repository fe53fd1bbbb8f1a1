"""/notebooks: the caller's servers, what they cost and when they stop; /spawns: the Hub's spawner asks for room."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ..auth import JOBS_READ, JOBS_WRITE, SPAWN, Caller
from ..clock import now
from ..hubapi import HubUnreachable
from ..jobs.submit import Refused
from ..schema.resources import Mount, Notebook, NotebookList, PodParts, SpawnRequest, SpawnSpec
from ..usage.leases import Lease, get_lease, notebook_lease_id
from .errors import ApiError, not_found
from .jobs import as_api_error
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
    hours = (now() - lease.created_at) / 3600 if lease is not None else 0.0
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


async def acquire(call: Call) -> SpawnSpec:
    """Give a notebook its machine. Asking again for a server that has one gives the same answer."""
    user, server, wanted = call.path["user"], server_name(call.path["server"]), call.body
    groups = tuple(wanted.user_groups)
    # The Hub has identified the user; the catalog's rules are those of that user.
    person = Caller(user, "user", wanted.user_admin, groups, frozenset())
    try:
        found = await call.service.spawns.acquire(person, server, wanted)
    except Refused as refused:
        raise as_api_error(refused) from refused
    directories = call.service.directories
    home = directories.notebook_home(user, server)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    mounts = [(source, target, False) for source, target in directories.make_storage(user, groups).items()]
    mounts += [(directories.datasets, "/datasets", True), (home, "/home/outrider", False)]
    cluster = found.lease.cluster
    machine = call.service.catalog.machine(found.lease.machine)
    pod = None
    if machine is not None:
        pod = call.service.backends[cluster].notebook(machine, found.lease.image, mounts)
    return SpawnSpec(
        lease=found.lease.id,
        image=found.lease.image,
        environment=found.environment,
        machine=found.lease.machine,
        cpu=found.lease.cpu,
        memory_mb=found.lease.memory_mb,
        gpus=found.lease.gpus,
        price_per_hour=found.lease.price_per_hour,
        mounts=[Mount(source=str(s), target=t, read_only=r) for s, t, r in mounts],
        home="/home/outrider",
        env={
            "OUTRIDER_STORAGE": "/storage",
            "OUTRIDER_DATASETS": "/datasets",
            "OUTRIDER_MACHINE": found.lease.machine,
            "OUTRIDER_IMAGE": found.lease.image,
        },
        pod=PodParts(**pod) if pod is not None else None,
    )


async def release(call: Call) -> None:
    await call.service.spawns.release(call.path["user"], server_name(call.path["server"]))


ROUTES = [
    Route("GET", "/notebooks", list_notebooks, JOBS_READ, "The caller's notebook servers", response=NotebookList),
    Route("GET", "/notebooks/{server}", one_notebook, JOBS_READ, "One server", response=Notebook),
    Route(
        "POST",
        "/notebooks/{server}/keep",
        keep,
        JOBS_WRITE,
        "Stay alive for another period",
        response=Notebook,
    ),
    Route(
        "PUT",
        "/spawns/{user}/{server}",
        acquire,
        SPAWN,
        "The Hub's spawner: a machine for a notebook",
        request=SpawnRequest,
        response=SpawnSpec,
        everybody=True,
    ),
    Route(
        "DELETE",
        "/spawns/{user}/{server}",
        release,
        SPAWN,
        "The Hub's spawner: the notebook has stopped",
        status=204,
        everybody=True,
    ),
]
