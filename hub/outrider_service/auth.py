"""Callers and their scopes: JupyterHub's identities, checked in one place.

A caller comes from a token (``Authorization: token …``) or from the cookie of HubOAuth's login. The scopes are
JupyterHub's custom scopes ``custom:outrider:…``, with its filters ``!user=`` and ``!group=``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from jupyterhub.services.auth import HubOAuth
from tornado.web import HTTPError, RequestHandler

JOBS_READ: Final = "custom:outrider:jobs:read"
JOBS_WRITE: Final = "custom:outrider:jobs:write"
ENDPOINTS: Final = "custom:outrider:endpoints"
STORAGE_READ: Final = "custom:outrider:storage:read"
STORAGE_WRITE: Final = "custom:outrider:storage:write"
CATALOG_ADMIN: Final = "custom:outrider:catalog:admin"
USAGE_READ_ALL: Final = "custom:outrider:usage:read-all"
SPAWN: Final = "custom:outrider:spawn"
"""For the Hub's spawner only: acquire and release a notebook's machine."""

IDENTIFIED: Final = "identified"
"""No scope: any identified caller."""
PUBLIC: Final = "public"
"""No scope and no login."""
SCOPES: Final = frozenset(
    {
        JOBS_READ,
        JOBS_WRITE,
        ENDPOINTS,
        STORAGE_READ,
        STORAGE_WRITE,
        CATALOG_ADMIN,
        USAGE_READ_ALL,
        SPAWN,
        IDENTIFIED,
        PUBLIC,
    }
)
"""Every value that a route's scope may have."""

SHARED_BY_GROUP: Final = frozenset({JOBS_READ, ENDPOINTS})
"""Scopes that members of the group a job is billed to also have for that job, if they have them for their own
jobs."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An identified user or service with its scopes."""

    name: str
    kind: str
    admin: bool
    groups: tuple[str, ...]
    scopes: frozenset[str]

    @classmethod
    def from_model(cls, model: dict[str, Any]) -> Caller:
        return cls(
            name=model["name"],
            kind=model.get("kind", "user"),
            admin=bool(model.get("admin")),
            groups=tuple(sorted(model.get("groups") or ())),
            scopes=frozenset(model.get("scopes") or ()),
        )

    def may(self, scope: str, owner: str | None = None, group: str | None = None) -> bool:
        """Whether the scope covers things of ``owner`` billed to ``group``; without an owner, everyone's."""
        if scope in self.scopes:
            return True
        if owner is not None and f"{scope}!user={owner}" in self.scopes:
            return True
        if group is None:
            return False
        if f"{scope}!group={group}" in self.scopes:
            return True
        return scope in SHARED_BY_GROUP and group in self.groups and f"{scope}!user={self.name}" in self.scopes

    def groups_with(self, scope: str) -> tuple[str, ...]:
        """The groups covered by the scope."""
        named = {s.removeprefix(f"{scope}!group=") for s in self.scopes if s.startswith(f"{scope}!group=")}
        return tuple(sorted(named | {group for group in self.groups if self.may(scope, None, group)}))


def header_token(authorization: str | None) -> str | None:
    """The token of an Authorization header; JupyterHub accepts ``token`` and ``Bearer``."""
    kind, _, token = (authorization or "").strip().partition(" ")
    return token.strip() or None if kind.lower() in ("token", "bearer") else None


class Authenticator:
    """Asks the Hub who sent a request. Answers are cached for ``cache_s``, which is how long a revoked token still
    works; readers of long streams are checked again every ``recheck_s``."""

    def __init__(self, cache_s: int) -> None:
        self.recheck_s = 3.0 * cache_s
        self.hub = HubOAuth.instance(cache_max_age=cache_s)

    async def caller(self, handler: RequestHandler) -> Caller | None:
        """The caller, or None when there is no valid token or cookie. Raises HTTPError 503 when the Hub is away."""
        if header_token(handler.request.headers.get("Authorization")) is not None:
            return await self.program(handler)
        # A cookie also needs the anti-forgery token for anything that changes state; HubOAuth checks that.
        return await self._admitted(self.hub._get_user_cookie(handler))

    async def still(self, handler: RequestHandler, allowed: Callable[[Caller], bool]) -> bool:
        """Whether the reader of a stream may go on. Yes while the Hub is unreachable."""
        try:
            caller = await self.caller(handler)
        except HTTPError:
            return True
        return caller is not None and allowed(caller)

    async def program(self, handler: RequestHandler) -> Caller | None:
        """The caller by token alone; cookies are ignored."""
        token = header_token(handler.request.headers.get("Authorization"))
        return None if token is None else await self._admitted(self.hub.user_for_token(token, sync=False))

    async def _admitted(self, asking: Awaitable[dict[str, Any] | None]) -> Caller | None:
        try:
            model = await asking
        except HTTPError as error:
            if error.status_code < 500:
                raise
            # The Hub's message would reveal internal addresses.
            raise HTTPError(
                503, "JupyterHub is unavailable, so you cannot be authenticated. Try again in a moment."
            ) from error
        if not model or not self.hub.check_scopes(self.hub.access_scopes, model):
            return None
        return Caller.from_model(model)
