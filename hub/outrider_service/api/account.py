"""/me, /machines, /images, /health and /metrics/prometheus."""

from __future__ import annotations

from prometheus_client import generate_latest

from .. import __version__
from ..auth import USAGE_READ_ALL
from ..backends.base import BackendError, Capacity
from ..jobs import store
from ..jobs.submit import may_use
from ..schema.resources import Health, Image, ImageList, Limits, Machine, MachineList, Me, Usage
from ..usage.leases import held_by, list_leases
from .errors import ApiError
from .routing import Call, Route


async def me(call: Call) -> Me:
    caller, service = call.caller, call.service
    async with service.db.read() as conn:
        counts = await store.count_by_status(conn, caller.name)
        held = await list_leases(conn, owner=caller.name)
    limits = service.catalog.limits(caller.name)
    jobs = [lease for lease in held if lease.id.startswith("job/")]
    return Me(
        name=caller.name,
        kind=caller.kind,
        admin=caller.admin,
        groups=list(caller.groups),
        scopes=sorted(scope for scope in caller.scopes if scope.startswith("custom:outrider:")),
        limits=Limits(
            max_running=limits.max_running,
            max_pending=limits.max_pending,
            max_gpus=limits.max_gpus,
            max_upload_mb=limits.max_upload_mb,
        ),
        usage=Usage(
            running=len(jobs),
            pending=counts.get("pending", 0),
            gpus=sum(lease.gpu_count for lease in held),
            price_per_hour=sum(lease.price_per_hour for lease in held),
        ),
        storage="/storage",
    )


async def machines(call: Call) -> MachineList:
    service = call.service
    async with service.db.read() as conn:
        waiting = await store.waiting_by_machine(conn)
        held = await list_leases(conn)
    found = []
    for machine in service.catalog.machines():
        if not may_use(machine.groups, call.caller):
            continue
        here = [held_by(lease) for lease in held if lease.cluster == machine.cluster]
        try:
            size = await service.backends[machine.cluster].capacity(machine, here)
        except BackendError:
            size = Capacity(None, None)
        found.append(
            Machine(
                name=machine.name,
                title=machine.title or machine.name,
                description=machine.description,
                cluster=machine.cluster,
                cpu=machine.cpu,
                memory_mb=machine.memory_mb,
                gpu=machine.gpu,
                gpu_model=machine.gpu_model,
                price_per_hour=machine.price_per_hour,
                preemptible=machine.preemptible,
                total=size.total,
                free=size.free,
                waiting=waiting.get(machine.name, 0),
            )
        )
    return MachineList(items=found)


async def images(call: Call) -> ImageList:
    return ImageList(
        items=[
            Image(
                name=image.name,
                title=image.title or image.name,
                description=image.description,
                for_jobs=image.for_jobs,
                for_notebooks=image.for_notebooks,
                environment=image.environment,
            )
            for image in call.service.catalog.images()
            if may_use(image.groups, call.caller)
        ]
    )


async def health(call: Call) -> Health:
    """For probes and people. 503 when the database does not answer."""
    try:
        async with call.service.db.read() as conn:
            await store.count_by_status(conn, "")
    except Exception as error:
        raise ApiError(503, "The database does not answer.") from error
    platforms = {name: await backend.health() for name, backend in call.service.backends.items()}
    return Health(status="ok", version=__version__, database="ok", platforms=platforms)


async def prometheus(call: Call) -> None:
    await call.service.instruments.refresh()
    call.handler.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
    call.handler.finish(generate_latest(call.service.instruments.registry))


ROUTES = [
    Route("GET", "/me", me, None, "The caller, their limits and what they use now", response=Me),
    Route(
        "GET",
        "/machines",
        machines,
        None,
        "Machine types with price and what is free",
        response=MachineList,
    ),
    Route("GET", "/images", images, None, "Images", response=ImageList),
    Route("GET", "/health", health, None, "Whether the service works", response=Health, public=True),
    Route(
        "GET",
        "/metrics/prometheus",
        prometheus,
        USAGE_READ_ALL,
        "Figures for Prometheus",
        everybody=True,
        media="text/plain",
    ),
]
