"""A client for the parts of the Hub's REST API that the service uses: users' servers and activity."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import aiohttp

TIMEOUT: Final = aiohttp.ClientTimeout(total=15)

START_TIMEOUT: Final = aiohttp.ClientTimeout(total=60)


def _server_path(user: str, server: str) -> str:
    who = quote(user, safe="")
    return f"/users/{who}/servers/{quote(server, safe='')}" if server else f"/users/{who}/server"


def _active(model: dict[str, Any]) -> bool:
    return bool(model.get("ready") or model.get("pending"))


class HubUnreachable(Exception):
    """The Hub did not answer, or answered with an error."""


class HubApi:
    """A client with the service's own token."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._url = os.environ.get("JUPYTERHUB_API_URL", "http://127.0.0.1:8081/hub/api")
        self._headers = {"Authorization": f"token {os.environ.get('JUPYTERHUB_API_TOKEN', '')}"}

    async def _request(self, method: str, path: str, *, fine: tuple[int, ...] = (), **options: Any) -> Any:
        """The decoded answer; None for 404 and for the statuses in ``fine``."""
        try:
            async with self._session.request(
                method, f"{self._url}{path}", headers=self._headers, timeout=TIMEOUT, **options
            ) as answer:
                if answer.status == 404 or answer.status in fine:
                    return None
                if answer.status >= 400:
                    raise HubUnreachable(f"the Hub answered {answer.status}")
                return await answer.json() if answer.content_type == "application/json" else {}
        except (aiohttp.ClientError, TimeoutError) as error:
            raise HubUnreachable("the Hub does not answer") from error

    async def servers(self, user: str) -> dict[str, dict[str, Any]]:
        """The user's servers by name ("" is the default one)."""
        model = await self._request("GET", f"/users/{quote(user, safe='')}", params={"include_stopped_servers": "1"})
        return dict((model or {}).get("servers") or {})

    async def runs(self, user: str, server: str) -> bool:
        """Whether this server runs or is about to."""
        return _active((await self.servers(user)).get(server) or {})

    async def active_servers(self) -> set[tuple[str, str]]:
        """(user, server) of every server that runs or is about to; one that ends meanwhile may hide another, since the
        Hub's pages then begin earlier."""
        found: set[tuple[str, str]] = set()
        offset, limit = 0, 200
        while True:
            page = await self._request(
                "GET", "/users", params={"state": "active", "offset": str(offset), "limit": str(limit)}
            )
            if page is None:
                raise HubUnreachable("the Hub does not know its own users")
            for user in page:
                found |= {(user["name"], name) for name, model in (user.get("servers") or {}).items() if _active(model)}
            if len(page) < limit:
                return found
            offset += limit

    async def stop_server(self, user: str, server: str) -> None:
        """Stop a server; it is not an error if it is not running."""
        # The Hub answers 400 for a server that is not running.
        await self._request("DELETE", _server_path(user, server), fine=(400,))

    async def start_server(self, user: str, server: str, options: dict[str, Any]) -> str | None:
        """Start a server. Returns the reason if the Hub refuses, else None."""
        url = f"{self._url}{_server_path(user, server)}"
        # Without options the Hub uses those of the last start.
        chosen = options or None
        try:
            async with self._session.post(url, headers=self._headers, timeout=START_TIMEOUT, json=chosen) as answer:
                if answer.status < 400:
                    return None
                if answer.status >= 500:
                    raise HubUnreachable(f"the Hub answered {answer.status}")
                said = await answer.json(content_type=None)
                return str(said.get("message") or f"the Hub answered {answer.status}")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise HubUnreachable("the Hub does not answer") from error

    async def report_activity(self, user: str, server: str) -> None:
        """Report activity for a server, which postpones culling."""
        time = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        await self._request(
            "POST",
            f"/users/{quote(user, safe='')}/activity",
            json={"servers": {server: {"last_activity": time}}},
        )
