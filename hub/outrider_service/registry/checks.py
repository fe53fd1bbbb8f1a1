"""Checks an image on a user's behalf, with their credentials. Always has an answer."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from ..clock import now
from ..schema.catalog import ImageFacts
from .client import Credentials, RegistryClient
from .facts import ImageProblem
from .reference import parse

AT_ONCE_EACH: Final = 2

FindCredentials = Callable[[str, str], Awaitable[Credentials | None]]
"""From a user (may be empty) and a registry to the account to use."""


def compared(fresh: ImageFacts, before: ImageFacts | None, pinned: str | None) -> ImageFacts:
    """Combine a fresh answer with the previous facts: a failed check keeps what was known, and ``moved_at`` is
    when a move was first seen. Pure."""
    if fresh.status != "ok" and before is not None:
        told = {name: getattr(fresh, name) for name in ("status", "message", "checked_at", "try_again_at")}
        return before.model_copy(update=told)
    moved = pinned is not None and fresh.digest is not None and fresh.digest != pinned
    if not moved:
        return fresh
    same = before is not None and before.moved_at is not None
    return fresh.model_copy(update={"moved_at": before.moved_at if same and before else fresh.checked_at})


class ImageChecks:
    """Asks registries, with a few requests at once per user."""

    def __init__(self, client: RegistryClient, credentials: FindCredentials) -> None:
        self._client = client
        self._credentials = credentials
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE_EACH))

    async def ask(self, text: str, user: str) -> ImageFacts:
        """What the image's registry says to this user. Raises BadReference."""
        image = parse(text)
        async with self._turns[user]:
            told: dict[str, Any] = {"status": "ok", "message": "The image can be used.", "architectures": []}
            try:
                told |= await self._client.inspect(image, await self._credentials(user, image.registry))
            except ImageProblem as problem:
                told |= {
                    "status": problem.status,
                    "message": problem.message,
                    "architectures": problem.architectures,
                    "try_again_at": _time(problem.try_again_at),
                }
        created = told.get("created_at")
        return ImageFacts(
            reference=str(image),
            checked_at=datetime.fromtimestamp(now(), UTC),
            **{**told, "created_at": datetime.fromisoformat(created) if created else None},
        )


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
