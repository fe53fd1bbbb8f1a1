"""/spawns: the Hub's spawner asks what a user may start, leases a machine, and reports stops.

The Hub has authenticated the user and knows their groups; the service trusts it. The catalog's rules for that user
apply.
"""

from __future__ import annotations

from pydantic import ValidationError

from ..auth import SPAWN, Caller
from ..backends.base import BackendError
from ..backends.local.environments import lacks_jupyter
from ..capacity.leases import get_lease, list_leases, notebook_lease_id
from ..catalog.selection import RequestRefused
from ..clock import now
from ..notebooks.leasing import rules_for
from ..notebooks.stops import record_stop
from ..schema.catalog import HeldNotebook, HeldNotebookList, Offer, OwnImageWrite, Person, RunStart, RunTimes
from ..schema.resources import SpawnRequest, SpawnSpec, SpawnWait
from ..schema.webhooks import Culling
from ..service import Service
from .catalog import images_for, machines_for, make_own
from .errors import ApiError, not_found
from .jobs import as_api_error
from .notebooks import server_name
from .render import instant, moment
from .routing import Call, Route


def _person(call: Call) -> Caller:
    return Caller(call.path["user"], "user", call.body.user_admin, tuple(call.body.user_groups), frozenset())


async def offer(call: Call) -> Offer:
    person = _person(call)
    service = call.service
    images = [image for image in images_for(service, person) if image.for_notebooks]
    lacking = await call.in_thread(lambda: {image.name: lacks_jupyter(image.environment) for image in images})
    machines = await machines_for(service, person)
    known = [service.catalog.machine(machine.name) for machine in machines]
    return Offer(
        images=images,
        machines=machines,
        refusals=await service.spawns.refusals(person, [machine for machine in known if machine is not None]),
        unusable={name: text for name, text in lacking.items() if text is not None},
        sandboxed=list(service.rooms),
        environment=service.spawns.default_environment,
        idle_timeout_s=service.cull_timeout_s,
    )


async def held(call: Call) -> HeldNotebookList:
    async with call.service.db.read() as conn:
        leases = await list_leases(conn, prefix="notebook/")
    found = []
    for lease in leases:
        _, user, server = lease.id.split("/", 2)
        rules = rules_for(call.service.catalog.machine(lease.machine), lease)
        found.append(
            HeldNotebook(
                user=user,
                server=server,
                machine=lease.machine,
                since=instant(lease.created_at),
                max_age_s=rules.max_age_s,
                idle_timeout_s=rules.idle_s,
                gpu_idle_timeout_s=rules.gpu_idle_s,
                gpus=lease.gpus,
                gpu_used_at=moment(lease.gpu_used_at),
                kept_at=moment(lease.kept_at),
                own_age=rules.own_age,
            )
        )
    return HeldNotebookList(items=found)


async def acquire(call: Call) -> SpawnSpec:
    """Lease a machine for a notebook. Idempotent for a server that has one."""
    user, server, wanted = call.path["user"], server_name(call.path["server"]), call.body
    if wanted.image is not None and wanted.add_image and not _known(call.service, wanted.image, user):
        try:
            write = OwnImageWrite(name=wanted.image)
        except ValidationError as error:
            raise ApiError(422, "image: must be an image reference such as python:3.11", "image") from error
        await make_own(call.service, _person(call), write, "image")
    try:
        return await call.service.notebook_starts.prepare(_person(call), server, wanted)
    except RequestRefused as refused:
        raise as_api_error(refused) from refused
    except BackendError as error:
        raise ApiError(503, f"The platform cannot start the notebook now: {error}.") from error


async def waits(call: Call) -> SpawnWait:
    """Why a starting server has no machine yet."""
    user, server = call.path["user"], server_name(call.path["server"])
    async with call.service.db.read() as conn:
        lease = await get_lease(conn, notebook_lease_id(user, server))
    machine = call.service.catalog.machine(lease.machine) if lease is not None else None
    if lease is None or machine is None:
        raise not_found("notebook")
    try:
        found = await call.service.backends[lease.cluster].notebook_waits(user, server, machine)
    except BackendError as error:
        raise ApiError(503, f"The platform does not answer: {error}.") from error
    return SpawnWait(message=None) if found is None else SpawnWait(message=found.message, hopeless=found.hopeless)


def _known(service: Service, image: str, user: str) -> bool:
    return service.catalog.row("image", image, user) is not None or service.catalog.image(image) is not None


async def started(call: Call) -> None:
    await call.service.spawns.started(call.path["user"], server_name(call.path["server"]), call.body.started_at)


async def culled(call: Call) -> None:
    """Record the stop for its owner to read; the Hub does the stopping."""
    lease_id = notebook_lease_id(call.path["user"], server_name(call.path["server"]))
    async with call.service.db.write() as conn:
        await record_stop(conn, lease_id, call.body.reason, now())


async def release(call: Call) -> None:
    asked, server = call.query, server_name(call.path["server"])
    try:
        await call.service.spawns.release(call.path["user"], server, asked.started_at, asked.finished_at)
    except BackendError as error:
        # The Hub retries; if it does not, the service does.
        raise ApiError(503, f"The platform does not answer: {error}.") from error


ROUTES = [
    Route(
        "GET",
        "/spawns",
        held,
        SPAWN,
        "The Hub's culler: which notebooks hold machines, and when they should stop",
        response=HeldNotebookList,
        everybody=True,
    ),
    Route(
        "POST",
        "/spawns/{user}/offer",
        offer,
        SPAWN,
        "The Hub's spawner: what this user may choose",
        request=Person,
        response=Offer,
        everybody=True,
    ),
    Route(
        "PUT",
        "/spawns/{user}/{server}",
        acquire,
        SPAWN,
        "The Hub's spawner: lease a machine for a notebook",
        request=SpawnRequest,
        response=SpawnSpec,
        everybody=True,
    ),
    Route(
        "GET",
        "/spawns/{user}/{server}",
        waits,
        SPAWN,
        "The Hub's spawner: what the notebook waits for",
        response=SpawnWait,
        everybody=True,
    ),
    Route(
        "POST",
        "/spawns/{user}/{server}/culled",
        culled,
        SPAWN,
        "The Hub's culler: the notebook is being stopped, and why",
        request=Culling,
        status=204,
        everybody=True,
    ),
    Route(
        "DELETE",
        "/spawns/{user}/{server}",
        release,
        SPAWN,
        "The Hub's spawner: the notebook has stopped",
        query=RunTimes,
        status=204,
        everybody=True,
    ),
    Route(
        "POST",
        "/spawns/{user}/{server}/started",
        started,
        SPAWN,
        "The Hub's spawner: the notebook's container is running",
        request=RunStart,
        status=204,
        everybody=True,
    ),
]
