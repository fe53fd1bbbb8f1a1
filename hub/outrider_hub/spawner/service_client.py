"""The Hub's client of the Outrider service: the catalog, and leases for notebook servers.

Uses HTTP to the service's own address, bypassing the proxy, with a token for only this. Every call has a deadline and
retries while the service restarts.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any
from urllib.parse import quote, urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

from outrider_service.contracts.spawning import ImageFacts, Offer, Person, SpawnRequest, SpawnSpec, SpawnWait

CALL_TIMEOUT_S = 30.0
AWAY_S = 30.0
"""How long to wait for an unavailable service; its restart takes a few seconds."""
PAUSE_S = 0.5
Times = tuple[float | None, float | None]
"""When a container started and ended, in seconds since 1970; None: unknown."""
log = logging.getLogger("outrider.hub")


class ServiceProblem(Exception):
    """The service refused or did not answer. The message is for users; ``field``: the choice at fault."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field


class ServiceClient:
    """The calls of the service's API that the spawners need."""

    def __init__(self, url: str, token: str, away_s: float = AWAY_S, answer_s: float = CALL_TIMEOUT_S) -> None:
        """``away_s``: how long to retry an unreachable service; ``answer_s``: how long to wait for its answer."""
        self._url = url
        self._answer_s = answer_s
        self._token = token
        self._away_s = away_s

    async def offer(self, user: str, person: Person) -> Offer:
        """The images and machine types that this user may choose, with free capacity."""
        path = f"/spawns/{quote(user, safe='')}/offer"
        return Offer.model_validate(await self._call("POST", path, person.model_dump()))

    async def check(self, user: str, image: str) -> ImageFacts:
        """Check an image with its registry as this user."""
        path = f"/spawns/{quote(user, safe='')}/check"
        return ImageFacts.model_validate(await self._call("POST", path, {"image": image}))

    async def claim(self, user: str, server: str, request: SpawnRequest) -> SpawnSpec:
        """Lease a machine for a server. Idempotent."""
        body = request.model_dump(exclude_none=True)
        return SpawnSpec.model_validate(await self._call("PUT", _spawn_path(user, server), body))

    async def waits(self, user: str, server: str) -> SpawnWait:
        """What a starting server waits for."""
        return SpawnWait.model_validate(await self._call("GET", _spawn_path(user, server)))

    async def started(self, user: str, server: str, started_at: float) -> None:
        """Report the start of the server's container (seconds since 1970)."""
        await self._call("POST", _spawn_path(user, server) + "/started", {"started_at": started_at})

    async def release(self, user: str, server: str, times: Times = (None, None)) -> None:
        """Report the server's end with its container's times. Not an error if there is no lease."""
        known = zip(("started_at", "finished_at"), times, strict=True)
        query = urlencode({name: repr(value) for name, value in known if value is not None})
        try:
            await self._call("DELETE", _spawn_path(user, server) + (f"?{query}" if query else ""))
        except ServiceProblem as problem:
            if problem.status != 404:
                raise

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = HTTPRequest(
            self._url + path,
            method=method,
            headers={"Authorization": f"token {self._token}", "Content-Type": "application/json"},
            body=None if body is None else json.dumps(body),
            connect_timeout=5,
            request_timeout=self._answer_s,
        )
        response = await self._patiently(request)
        if response.code >= 400:
            raise ServiceProblem(response.code, *_said(response))
        return json.loads(response.body) if response.body else None

    async def _patiently(self, request: HTTPRequest) -> HTTPResponse:
        """All calls are idempotent: retry refused or broken connections for a while."""
        client = AsyncHTTPClient()
        deadline = time.monotonic() + self._away_s
        while True:
            try:
                return await client.fetch(request, raise_error=False)
            except (HTTPClientError, OSError) as error:
                if time.monotonic() + PAUSE_S > deadline:
                    log.warning("The Outrider service does not answer: %s", error)
                    raise ServiceProblem(
                        503, "Outrider's job service is unavailable. Try again in a minute."
                    ) from error
            await asyncio.sleep(PAUSE_S)


def _spawn_path(user: str, server: str) -> str:
    return f"/spawns/{quote(user, safe='')}/{quote(server, safe='') or '-'}"


def _said(response: HTTPResponse) -> tuple[str, str | None]:
    """The message and the field at fault of an error response."""
    try:
        answer = json.loads(response.body)
        return str(answer["message"]), answer.get("field")
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"Outrider's job service answered {response.code}.", None
