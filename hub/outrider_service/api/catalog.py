"""/machines, /images and /limits: the catalog, which admins edit. /own-images: a user's own images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..auth import CATALOG_ADMIN, IDENTIFIED, JOBS_WRITE, Caller
from ..backends.base import BackendError, Capacity
from ..capacity.leases import Lease, held_by, list_leases
from ..capacity.waiting import waiting_by_machine
from ..catalog import ImageEntry, LimitSet, MachineType
from ..catalog.configured import is_subject
from ..catalog.model import Entry
from ..catalog.selection import may_use
from ..catalog.stored import Row
from ..schema.catalog import (
    CatalogQuery,
    ContentsQuery,
    Image,
    ImageContents,
    ImageFacts,
    ImageList,
    ImagePatch,
    ImageWrite,
    LimitsList,
    LimitsOf,
    LimitsWrite,
    Machine,
    MachineList,
    MachinePatch,
    MachineWrite,
    OwnImageWrite,
)
from ..service import Service
from .errors import ApiError, from_validation, not_found
from .questions import usable
from .routing import Call, Route

MOST_OWN_IMAGES = 100


def render_image(row: Row) -> Image:
    image: ImageEntry = row.model
    return Image(
        **image.model_dump(exclude={"groups", "title", "contents"}),
        title=image.title or image.name,
        groups=list(image.groups),
        owner=row.owner or None,
        facts=ImageFacts.model_validate(row.facts) if row.facts else None,
    )


def images_for(service: Service, caller: Caller, *, all_of_them: bool = False) -> list[Image]:
    """Images that the caller may choose: the shared ones in the admin's order, then their own."""
    shared = [
        row
        for row in service.catalog.rows("image")
        if all_of_them or (row.model.enabled and may_use(row.model.groups, caller))
    ]
    names = {row.name for row in shared}
    own = [row for row in service.catalog.rows("image", caller.name) if row.name not in names]
    return [render_image(row) for row in [*shared, *own]]


async def machines_for(service: Service, caller: Caller, *, all_of_them: bool = False) -> list[Machine]:
    async with service.db.read() as conn:
        waiting = await waiting_by_machine(conn)
        held = await list_leases(conn)
    every = [row.model for row in service.catalog.rows("machine")] if all_of_them else service.catalog.machines()
    return [
        await render_machine(service, machine, held, waiting)
        for machine in every
        if all_of_them or may_use(machine.groups, caller)
    ]


async def render_machine(
    service: Service, machine: MachineType, held: Sequence[Lease], waiting: dict[str, int]
) -> Machine:
    here = [held_by(lease) for lease in held if lease.cluster == machine.cluster]
    backend = service.backends.get(machine.cluster)
    try:
        size = Capacity(None, None) if backend is None else await backend.capacity(machine, here)
    except BackendError:
        size = Capacity(None, None)
    return Machine(
        **machine.model_dump(exclude={"groups", "title", "kubernetes"}),
        kubernetes=machine.kubernetes,
        title=machine.title or machine.name,
        groups=list(machine.groups),
        total=size.total,
        free=size.free,
        waiting=waiting.get(machine.name, 0),
    )


def changed(entry: Row, patch: Any, model: type[Entry]) -> Any:
    """The entry with the patch applied. Raises ApiError naming the invalid field."""
    try:
        return model.model_validate({**entry.entry, "name": entry.name, **patch.model_dump(exclude_unset=True)})
    except ValidationError as error:
        raise from_validation(error) from error


# -- machines -------------------------------------------------------------------------------------------------------


def _every(call: Call) -> bool:
    """Whether to list disabled entries too: the caller asked for it and may see them."""
    return bool(call.query.all) and call.caller.may(CATALOG_ADMIN)


async def list_machines(call: Call) -> MachineList:
    return MachineList(items=await machines_for(call.service, call.caller, all_of_them=_every(call)))


async def _saved_machine(call: Call, write: MachineWrite) -> Machine:
    if write.cluster not in call.service.backends:
        known = ", ".join(call.service.backends)
        raise ApiError(422, f"cluster: there is no {write.cluster!r}; there is {known}", "cluster")
    model = MachineType.model_validate(write.model_dump(exclude={"position"}))
    await call.service.catalog.save("machine", model.name, model, call.caller.name, position=write.position)
    # Jobs may be waiting for this machine type.
    call.service.queue.schedule(model.cluster)
    async with call.service.db.read() as conn:
        held, waiting = await list_leases(conn), await waiting_by_machine(conn)
    return await render_machine(call.service, model, held, waiting)


async def add_machine(call: Call) -> Machine:
    if call.service.catalog.row("machine", call.body.name) is not None:
        raise ApiError(409, f"name: a machine type {call.body.name} already exists", "name")
    return await _saved_machine(call, call.body)


async def change_machine(call: Call) -> Machine:
    row = call.service.catalog.row("machine", call.path["machine"])
    if row is None:
        raise not_found("machine type")
    return await _saved_machine(call, changed(row, call.body, MachineWrite))


async def remove_machine(call: Call) -> None:
    name = call.path["machine"]
    row = call.service.catalog.row("machine", name)
    if row is None:
        raise not_found("machine type")
    async with call.service.db.read() as conn:
        in_use = await _uses_of(conn, name)
    if in_use:
        raise ApiError(409, f"{in_use} jobs and notebooks use {name} or wait for it. Disable it first.")
    await call.service.catalog.remove("machine", name, call.caller.name)


async def _uses_of(conn: AsyncConnection, machine: str) -> int:
    held = sum(lease.machine == machine for lease in await list_leases(conn))
    return held + (await waiting_by_machine(conn)).get(machine, 0)


# -- images ---------------------------------------------------------------------------------------------------------


async def list_images(call: Call) -> ImageList:
    return ImageList(items=images_for(call.service, call.caller, all_of_them=_every(call)))


async def image_contents(call: Call) -> ImageContents:
    """What the platform finds in the image, else what the catalog says."""
    service, name, user = call.service, call.path["path"], call.caller
    image = service.catalog.image(name, user.name)
    if image is None or not may_use(image.groups, user):
        raise not_found("image")
    machine = service.catalog.machine(call.query.machine or "")
    backend = service.backends.get(machine.cluster if machine else "default")
    found = (await backend.contents(image) if backend else None) or image.contents
    if found is None:
        return ImageContents(modules=None, kernels=None)
    return ImageContents(modules=list(found.modules), kernels=list(found.kernels))


async def add_image(call: Call) -> Image:
    if call.service.catalog.row("image", call.body.name) is not None:
        raise ApiError(409, f"name: {call.body.name} is already in the catalog", "name")
    return await _saved_image(call, call.body)


async def change_image(call: Call) -> Image:
    row = call.service.catalog.row("image", call.path["path"])
    if row is None:
        raise not_found("image")
    return await _saved_image(call, changed(row, call.body, ImageWrite))


async def _saved_image(call: Call, write: ImageWrite) -> Image:
    facts = await _facts(call, write.name) if write.check else None
    content = write.model_dump(exclude={"position", "check"})
    if facts is not None:
        content["digest"] = facts["digest"]
    model, by = ImageEntry.model_validate(content), call.caller.name
    row = await call.service.catalog.save("image", model.name, model, by, position=write.position, facts=facts)
    return render_image(row)


async def _facts(call: Call, name: str) -> dict[str, Any]:
    """What the registry knows about the image. Raises ApiError with the reason if it cannot be used."""
    return (await usable(call.service, name, call.caller.name)).model_dump(mode="json")


async def remove_image(call: Call) -> None:
    if call.service.catalog.row("image", call.path["path"]) is None:
        raise not_found("image")
    await call.service.catalog.remove("image", call.path["path"], call.caller.name)


async def add_own_image(call: Call) -> Image:
    return render_image(await make_own(call.service, call.caller, call.body))


async def make_own(service: Service, caller: Caller, write: OwnImageWrite, field: str = "name") -> Row:
    """Add an image to a user's own. Raises ApiError naming ``field``."""
    catalog, owner = service.catalog, caller.name
    if (shared := catalog.image(write.name)) is not None and shared.enabled and may_use(shared.groups, caller):
        raise ApiError(409, f"{field}: {write.name} is already in the catalog for everybody", field)
    if catalog.row("image", write.name, owner) is None and len(catalog.rows("image", owner)) >= MOST_OWN_IMAGES:
        raise ApiError(409, f"You have {MOST_OWN_IMAGES} images of your own. Remove one first.")
    facts = (await usable(service, write.name, owner, field)).model_dump(mode="json") if write.check else None
    digest = facts["digest"] if facts else None
    model = ImageEntry.model_validate({**write.model_dump(exclude={"check"}), "digest": digest})
    return await catalog.save("image", write.name, model, owner, owner=owner, facts=facts)


async def remove_own_image(call: Call) -> None:
    owner = call.caller.name
    if call.service.catalog.row("image", call.path["path"], owner) is None:
        raise not_found("image")
    await call.service.catalog.remove("image", call.path["path"], owner, owner=owner)


# -- limits ---------------------------------------------------------------------------------------------------------


def _limits_of(subject: str, limits: LimitSet) -> LimitsOf:
    return LimitsOf(subject=subject, **limits.model_dump())


async def list_limits(call: Call) -> LimitsList:
    return LimitsList(items=[_limits_of(row.name, row.model) for row in call.service.catalog.rows("limits")])


async def set_limits(call: Call) -> LimitsOf:
    subject = call.path["subject"]
    if not is_subject(subject):
        raise ApiError(422, "subject: must be default, user:NAME or group:NAME", "subject")
    model = LimitSet.model_validate(call.body.model_dump())
    await call.service.catalog.save("limits", subject, model, call.caller.name)
    for cluster in call.service.backends:
        call.service.queue.schedule(cluster)
    return _limits_of(subject, model)


async def remove_limits(call: Call) -> None:
    if call.service.catalog.row("limits", call.path["subject"]) is None:
        raise not_found("set of limits")
    await call.service.catalog.remove("limits", call.path["subject"], call.caller.name)


def _admin(method: str, path: str, function: Any, summary: str, **options: Any) -> Route:
    return Route(method, path, function, CATALOG_ADMIN, summary, everybody=True, **options)


ROUTES = [
    Route(
        "GET",
        "/machines",
        list_machines,
        IDENTIFIED,
        "Machine types with their prices and free capacity",
        query=CatalogQuery,
        response=MachineList,
    ),
    _admin("POST", "/machines", add_machine, "Add one", request=MachineWrite, response=Machine, status=201),
    _admin("PATCH", "/machines/{machine}", change_machine, "Change it", request=MachinePatch, response=Machine),
    _admin("DELETE", "/machines/{machine}", remove_machine, "Remove it", status=204),
    Route("GET", "/images", list_images, IDENTIFIED, "Images", query=CatalogQuery, response=ImageList),
    Route(
        "GET",
        "/images/{path}/contents",
        image_contents,
        IDENTIFIED,
        "The image's Python modules and kernels",
        query=ContentsQuery,
        response=ImageContents,
    ),
    _admin("POST", "/images", add_image, "Add an image for everybody", request=ImageWrite, response=Image, status=201),
    _admin("PATCH", "/images/{path}", change_image, "Change it", request=ImagePatch, response=Image),
    _admin("DELETE", "/images/{path}", remove_image, "Remove it", status=204),
    Route(
        "POST",
        "/own-images",
        add_own_image,
        JOBS_WRITE,
        "Add an own image from any registry",
        request=OwnImageWrite,
        response=Image,
        status=201,
    ),
    Route("DELETE", "/own-images/{path}", remove_own_image, JOBS_WRITE, "Remove an own image", status=204),
    _admin("GET", "/limits", list_limits, "Limits and budgets", response=LimitsList),
    _admin("PUT", "/limits/{subject}", set_limits, "Set them", request=LimitsWrite, response=LimitsOf),
    _admin("DELETE", "/limits/{subject}", remove_limits, "Remove these limits; the default applies again", status=204),
]

__all__ = ["ROUTES", "images_for", "machines_for", "make_own", "render_image"]
