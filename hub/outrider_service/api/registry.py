"""Registry checks: before an image is added, on demand, and to pin a tag's digest."""

from __future__ import annotations

from typing import Any

from ..auth import CATALOG_ADMIN, JOBS_WRITE, SPAWN
from ..catalog import EVERYBODY, ImageEntry
from ..catalog.stored import Row
from ..registry.checks import compared
from ..schema.catalog import Image, ImageFacts, ImageQuestion
from .catalog import render_image
from .errors import not_found
from .questions import ask, usable
from .routing import Call, Route


async def check_any(call: Call) -> ImageFacts:
    return await ask(call.service, call.body.image, call.caller.name)


async def check_for(call: Call) -> ImageFacts:
    return await ask(call.service, call.body.image, call.path["user"])


def _row(call: Call, owner: str) -> Row:
    row = call.service.catalog.row("image", call.path["path"], owner)
    if row is None:
        raise not_found("image")
    return row


async def _checked(call: Call, owner: str) -> Row:
    """Check an entry's image and store the result with it."""
    row = _row(call, owner)
    fresh = await ask(call.service, row.name, owner)
    before = ImageFacts.model_validate(row.facts) if row.facts else None
    await call.service.catalog.note_facts(row, compared(fresh, before, row.model.digest).model_dump(mode="json"))
    return _row(call, owner)


async def _pinned(call: Call, owner: str) -> Image:
    """Pin the entry to its tag's current digest."""
    row = _row(call, owner)
    facts = await usable(call.service, row.name, owner)
    model: Any = row.model
    fresh = ImageEntry.model_validate({**model.model_dump(), "digest": facts.digest})
    by = call.caller.name
    saved = await call.service.catalog.save(
        "image", row.name, fresh, by, owner=owner, facts=facts.model_dump(mode="json")
    )
    return render_image(saved)


async def check_image(call: Call) -> Image:
    return render_image(await _checked(call, EVERYBODY))


async def pin_image(call: Call) -> Image:
    return await _pinned(call, EVERYBODY)


async def check_own(call: Call) -> Image:
    return render_image(await _checked(call, call.caller.name))


async def pin_own(call: Call) -> Image:
    return await _pinned(call, call.caller.name)


ROUTES = [
    Route(
        "POST",
        "/images/check",
        check_any,
        JOBS_WRITE,
        "Check an image with its registry",
        request=ImageQuestion,
        response=ImageFacts,
    ),
    Route(
        "POST",
        "/spawns/{user}/check",
        check_for,
        SPAWN,
        "The Hub's spawn page: check an image as this user",
        request=ImageQuestion,
        response=ImageFacts,
        everybody=True,
    ),
    Route(
        "POST",
        "/images/{path}/check",
        check_image,
        CATALOG_ADMIN,
        "Check again and store the result",
        response=Image,
        everybody=True,
    ),
    Route(
        "POST",
        "/images/{path}/pin",
        pin_image,
        CATALOG_ADMIN,
        "Pin the tag's current digest",
        response=Image,
        everybody=True,
    ),
    Route(
        "POST", "/own-images/{path}/check", check_own, JOBS_WRITE, "Check again and store the result", response=Image
    ),
    Route("POST", "/own-images/{path}/pin", pin_own, JOBS_WRITE, "Pin the tag's current digest", response=Image),
]
