"""Forwards one HTTP request or WebSocket to a job's port, streaming both ways.

What answers is a user's program: it gets neither the Hub's cookies nor the caller's token, and its answer can set
cookies for its own host alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import yarl
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from ..backends.base import Address

HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "proxy-connection",
        "host",
        "content-length",
        "expect",
    }
)
"""Hop-by-hop headers. (``Expect`` has already been answered here.)"""
DOMAIN_WIDE: Final = frozenset(
    {"alt-svc", "clear-site-data", "expect-ct", "nel", "public-key-pins", "report-to", "strict-transport-security"}
)
"""What a browser takes as said for the whole origin or its domain: the Hub's, or that of other people's ports."""
HUB_WIDE: Final = frozenset({"reporting-endpoints", "service-worker-allowed", "set-cookie", "set-cookie2"})
"""Headers that only the Hub may set on its origin."""
CONNECT_S: Final = 10.0
LONGEST_HEADER: Final = 1 << 16
KEPT_SESSIONS: Final = 64
"""How many addresses keep idle connections."""

Confine = Callable[[str, str], str | None]
"""Filters a header of the program's answer (name and value); None removes it."""


class NotListening(Exception):
    """Nothing listens on the port (yet)."""


class BadAnswer(Exception):
    """The program's answer is not valid HTTP; the message is for a person."""


class DeepUnixConnector(aiohttp.UnixConnector):
    """Connects to a Unix socket at any path length; a socket address holds only 108 bytes."""

    def __init__(self, path: Path) -> None:
        self._directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        super().__init__(f"/proc/self/fd/{self._directory}/{path.name}", limit=0)

    def close(self, *, abort_ssl: bool = False) -> Awaitable[None]:
        directory, self._directory = self._directory, -1
        if directory >= 0:
            os.close(directory)
        return super().close(abort_ssl=abort_ssl)


def request_headers(
    headers: HTTPHeaders,
    host: str,
    forwarded: Mapping[str, str],
    *,
    keep_authorization: bool,
    drop_cookies: re.Pattern[str],
) -> list[tuple[str, str]]:
    """The headers that the program sees."""
    found = [("Host", host)]
    listed = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    for name, value in headers.get_all():
        lower = name.lower()
        if lower in HOP_BY_HOP or lower in listed or lower.startswith("x-forwarded-") or lower == "forwarded":
            continue
        if lower == "authorization" and not keep_authorization:
            continue
        if lower == "cookie":
            kept = "; ".join(
                part for part in (p.strip() for p in value.split(";")) if part and not drop_cookies.match(part)
            )
            if kept:
                found.append((name, kept))
            continue
        found.append((name, value))
    return found + list(forwarded.items())


def confined_cookie(value: str) -> str:
    """A Set-Cookie header without its Domain attribute, so that the cookie stays on its host."""
    return ";".join(part for part in value.split(";") if not part.strip().lower().startswith("domain"))


def on_own_host(name: str, value: str) -> str | None:
    """Filter for answers on the port's own host."""
    if name.lower() in DOMAIN_WIDE:
        return None
    return confined_cookie(value) if name.lower() == "set-cookie" else value


def on_hub_host(name: str, value: str) -> str | None:
    """Filter for answers on the Hub's origin."""
    return None if name.lower() in DOMAIN_WIDE | HUB_WIDE else value


@dataclass(slots=True)
class PooledSession:
    """The connections to one address and the number of requests in flight."""

    session: aiohttp.ClientSession
    users: int = 0


def open_session(address: Address) -> PooledSession:
    connector: aiohttp.BaseConnector
    connector = DeepUnixConnector(address.unix) if address.unix is not None else aiohttp.TCPConnector(limit=0)
    return PooledSession(
        aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
        )
    )


class Proxy:
    """Keeps the most recently used connections to jobs' ports for the next request."""

    def __init__(self) -> None:
        self._sessions: dict[Address, PooledSession] = {}

    async def close(self) -> None:
        for pooled in self._sessions.values():
            await pooled.session.close()
        self._sessions.clear()

    @asynccontextmanager
    async def _session(self, address: Address) -> AsyncIterator[aiohttp.ClientSession]:
        pooled = self._sessions.pop(address, None) or open_session(address)
        self._sessions[address] = pooled  # the last in the order of use
        pooled.users += 1
        try:
            yield pooled.session
        finally:
            pooled.users -= 1
            await self._close_idle()

    async def _close_idle(self) -> None:
        """Close the least recently used connections that are idle."""
        idle = [address for address, pooled in self._sessions.items() if pooled.users == 0]
        closing = [self._sessions.pop(address) for address in idle[: max(0, len(idle) - KEPT_SESSIONS)]]
        for pooled in closing:
            await pooled.session.close()

    async def forward(
        self,
        handler: RequestHandler,
        address: Address,
        target: str,
        headers: list[tuple[str, str]],
        body: AsyncIterator[bytes] | None,
        confine: Confine,
        extra: Mapping[str, str],
    ) -> None:
        """Send the request on and write the answer. Raises NotListening or BadAnswer before anything was written."""
        host = "localhost" if address.unix is not None else f"{address.host}:{address.port}"
        url = yarl.URL(f"http://{host}{target}", encoded=True)
        try:
            async with (
                self._session(address) as session,
                session.request(
                    handler.request.method or "GET",
                    url,
                    headers=headers,
                    data=body,
                    allow_redirects=False,
                    skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                ) as answer,
            ):
                if answer.status < 200:
                    raise BadAnswer(f"status {answer.status} to an ordinary request")
                handler.clear()
                handler.clear_header("Content-Type")
                handler.clear_header("Server")
                handler.clear_header("Date")
                handler.set_status(answer.status, answer.reason)
                for raw_name, raw_value in answer.raw_headers:
                    # Pass the bytes on as they are; their meaning is between the program and its client.
                    name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
                    if name.lower() in HOP_BY_HOP and name.lower() != "content-length":
                        continue
                    kept = confine(name, value)
                    if kept is not None:
                        handler.add_header(name, kept)
                for name, value in extra.items():
                    handler.add_header(name, value)
                try:
                    async for block in answer.content.iter_any():
                        handler.write(block)
                        await handler.flush()
                    handler.finish()
                except StreamClosedError:
                    return
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if handler._headers_written:
                handler.request.connection.stream.close()  # type: ignore[union-attr]
                return
            # The forwarder accepts the connection before it knows whether the program listens, and then closes it.
            if isinstance(error, aiohttp.ClientConnectionError | OSError):
                raise NotListening(str(error)) from error
            raise BadAnswer(str(error) or type(error).__name__) from error
