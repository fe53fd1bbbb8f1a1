"""Registry look-ups on a caller's behalf, with errors that name the field."""

from __future__ import annotations

from ..registry import BadReference
from ..schema.catalog import ImageFacts
from ..service import Service
from .errors import ApiError


async def ask(service: Service, image: str, user: str, field: str = "image") -> ImageFacts:
    """The image's facts as this user's accounts see them."""
    try:
        return await service.checks.ask(image, user)
    except BadReference as error:
        raise ApiError(422, f"{field}: {error}", field) from error


async def usable(service: Service, image: str, user: str, field: str = "name") -> ImageFacts:
    """The image's facts. Raises ApiError with the reason if it cannot be used."""
    facts = await ask(service, image, user, field)
    if facts.status != "ok":
        when = f" Try again after {facts.try_again_at:%H:%M} UTC." if facts.try_again_at else ""
        raise ApiError(422, f"{field}: {facts.message}{when}", field)
    return facts
