"""POST /jobs/preflight: why a submission would be refused, and when it would start. Stores nothing."""

from __future__ import annotations

from ..auth import JOBS_WRITE
from ..capacity.leases import list_leases
from ..capacity.waiting import waiting_by_machine
from ..catalog.selection import RequestRefused
from ..jobs import preflight, store
from ..schema.jobs import Finding, Preflight, PreflightRequest
from .catalog import render_machine
from .routing import Call, Route


async def look(call: Call) -> Preflight:
    service, wanted = call.service, call.body
    try:
        machine, image = await service.submitter.check(call.caller, wanted)
    except RequestRefused as refused:
        found = Finding(check="submission", answer="no", message=refused.message, field=refused.field)
        return Preflight(items=[found], price_per_hour=None, machine=None, image=None)
    async with service.db.read() as conn:
        pending = (await store.count_by_status(conn, call.caller.name)).get("pending", 0)
        waiting, held = await waiting_by_machine(conn), await list_leases(conn)
    shown = await render_machine(service, machine, held, waiting)
    limits = service.catalog.limits(call.caller.name)
    room = preflight.room(machine, shown.total, shown.free, shown.waiting, wanted.nodes)
    queue = preflight.queue(pending, limits.max_pending)
    return Preflight(
        items=[room, *([queue] if queue else [])],
        price_per_hour=machine.price_per_hour * wanted.nodes,
        machine=machine.name,
        image=image.name,
    )


ROUTES = [
    Route(
        "POST",
        "/jobs/preflight",
        look,
        JOBS_WRITE,
        "Check a submission without submitting it",
        request=PreflightRequest,
        response=Preflight,
    )
]
