"""/me, /health and /metrics/prometheus."""

from __future__ import annotations

from prometheus_client import generate_latest

from .. import __version__
from ..auth import USAGE_READ_ALL
from ..jobs import store
from ..schema.resources import Health, Limits, Me, Usage
from ..usage.leases import list_leases
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
        limits=Limits(**limits.model_dump()),
        usage=Usage(
            running=len(jobs),
            pending=counts.get("pending", 0),
            gpus=sum(lease.gpu_count for lease in held),
            price_per_hour=sum(lease.price_per_hour for lease in held),
        ),
        storage="/storage",
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
