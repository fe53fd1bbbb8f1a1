"""/me, /health and /metrics/prometheus."""

from __future__ import annotations

import asyncio
from typing import Final

from prometheus_client import generate_latest

from .. import __version__
from ..accounting.budgets import Account, next_month
from ..auth import IDENTIFIED, PUBLIC, STORAGE_READ, USAGE_READ_ALL
from ..backends.base import Backend
from ..capacity.leases import list_leases
from ..clock import now
from ..jobs import store
from ..schema.resources import Health, Limits, Me, StorageHolding, StorageHoldings, Usage
from ..schema.usage import Budget
from .errors import ApiError
from .render import moment
from .routing import Call, Route

PLATFORM_S: Final = 5.0
"""How long a platform's health check may take."""


async def me(call: Call) -> Me:
    caller, service = call.caller, call.service
    async with service.db.read() as conn:
        counts = await store.count_by_status(conn, caller.name)
        held = await list_leases(conn, owner=caller.name)
    limits = service.catalog.limits(caller.name)
    accounts = await service.budgets.accounts(_subjects(call))
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
        budgets=[_budget(account) for account in accounts],
        storage="/storage",
        notes=[note for backend in service.backends.values() for note in backend.notes],
    )


def _budget(account: Account) -> Budget:
    return Budget(
        subject=account.subject,
        budget=account.budget,
        spent=round(account.spent, 6),
        left=None if account.left is None else round(account.left, 6),
        resets_at=next_month(now()),
    )


def _subjects(call: Call) -> list[str]:
    return [f"user:{call.caller.name}", *(f"group:{group}" for group in call.caller.groups)]


async def my_storage(call: Call) -> StorageHoldings:
    found = [await call.service.storage_use.holding(subject) for subject in _subjects(call)]
    return StorageHoldings(
        items=[
            StorageHolding(
                subject=holding.subject,
                used=holding.used,
                jobs=holding.jobs,
                uploads=holding.uploads,
                limit=holding.limit,
                measured_at=moment(holding.measured_at),
            )
            for holding in found
        ]
    )


async def health(call: Call) -> Health:
    """For probes and people. 503 while the database is unavailable."""
    try:
        async with call.service.db.read() as conn:
            await store.count_by_status(conn, "")
    except Exception as error:
        raise ApiError(503, "The database is unavailable.") from error
    platforms = {name: await _platform(backend) for name, backend in call.service.backends.items()}
    return Health(status="ok", version=__version__, database="ok", platforms=platforms)


async def _platform(backend: Backend) -> str:
    """A platform that does not answer does not make this service unhealthy, and must not let its probes time out."""
    try:
        async with asyncio.timeout(PLATFORM_S):
            return await backend.health()
    except TimeoutError:
        return "No answer."


async def prometheus(call: Call) -> None:
    await call.service.instruments.refresh()
    call.handler.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
    call.handler.finish(generate_latest(call.service.instruments.registry))


ROUTES = [
    Route("GET", "/me", me, IDENTIFIED, "The caller, their limits and current usage", response=Me),
    Route(
        "GET",
        "/me/storage",
        my_storage,
        STORAGE_READ,
        "Storage used by the caller and their groups, with its limits",
        response=StorageHoldings,
    ),
    Route("GET", "/health", health, PUBLIC, "Whether the service is healthy", response=Health),
    Route(
        "GET",
        "/metrics/prometheus",
        prometheus,
        USAGE_READ_ALL,
        "Metrics for Prometheus",
        everybody=True,
        media="text/plain",
    ),
]
