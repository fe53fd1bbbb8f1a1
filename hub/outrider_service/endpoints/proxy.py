"""Forwards one HTTP request or WebSocket to a job's port, streaming both ways.

What answers is a user's program: it gets neither the Hub's cookies nor the caller's token, and its answer can set
cookies for its own host alone.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
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
"""Between two neighbours only. (What a client expects before it sends its body, this end has told it already.)"""
DOMAIN_WIDE: Final = frozenset(
    {"alt-svc", "clear-site-data", "expect-ct", "nel", "public-key-pins", "report-to", "strict-transport-security"}
)
"""What a browser takes as said for the whole origin or its domain: the Hub's, or that of other people's ports."""
HUB_WIDE: Final = frozenset({"reporting-endpoints", "service-worker-allowed", "set-cookie", "set-cookie2"})
"""What on the Hub's origin is the Hub's alone."""
CONNECT_S: Final = 10.0

Confine = Callable[[str, str], str | None]
"""A header of the program's answer (name and value) as the client may see it; None: not at all."""


class NotListening(Exception):
    """Nothing answers on the port (yet)."""


class DeepUnixConnector(aiohttp.UnixConnector):
    """Reaches a unix socket however deep it lies: an address holds 108 bytes, and state directories may be long."""

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
    """A Set-Cookie header without its Domain attribute: the cookie stays on the host that set it."""
    return ";".join(part for part in value.split(";") if not part.strip().lower().startswith("domain"))


def on_own_host(name: str, value: str) -> str | None:
    """What a program may answer with on its port's own host."""
    if name.lower() in DOMAIN_WIDE:
        return None
    return confined_cookie(value) if name.lower() == "set-cookie" else value


def on_hub_host(name: str, value: str) -> str | None:
    """What a program may answer with on the Hub's origin."""
    return None if name.lower() in DOMAIN_WIDE | HUB_WIDE else value


class Proxy:
    """Holds one HTTP session for every address of a job's port."""

    def __init__(self) -> None:
        self._sessions: dict[Address, aiohttp.ClientSession] = {}
        self._closing: set[asyncio.Future[None]] = set()

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    def _session(self, address: Address) -> aiohttp.ClientSession:
        session = self._sessions.get(address)
        if session is None:
            if len(self._sessions) > 512:
                oldest = next(iter(self._sessions))
                closing = asyncio.ensure_future(self._sessions.pop(oldest).close())
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)
            connector: aiohttp.BaseConnector
            connector = DeepUnixConnector(address.unix) if address.unix is not None else aiohttp.TCPConnector(limit=0)
            session = aiohttp.ClientSession(
                connector=connector,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            )
            self._sessions[address] = session
        return session

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
        """Send the request on and write the answer. Raises NotListening before anything was written."""
        host = "localhost" if address.unix is not None else f"{address.host}:{address.port}"
        url = yarl.URL(f"http://{host}{target}", encoded=True)
        try:
            async with self._session(address).request(
                handler.request.method or "GET",
                url,
                headers=headers,
                data=body,
                allow_redirects=False,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            ) as answer:
                if answer.status < 200:
                    raise NotListening(f"the program answered {answer.status} to an ordinary request")
                handler.clear()
                handler.clear_header("Content-Type")
                handler.clear_header("Server")
                handler.clear_header("Date")
                handler.set_status(answer.status, answer.reason)
                for name, value in answer.headers.items():
                    lower = name.lower()
                    if lower in HOP_BY_HOP and lower != "content-length":
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
        except (aiohttp.ClientConnectorError, FileNotFoundError, ConnectionError) as error:
            raise NotListening(str(error)) from error
        except aiohttp.ClientError as error:
            if handler._headers_written:
                handler.request.connection.stream.close()  # type: ignore[union-attr]
                return
            raise NotListening(f"the program broke off: {error}") from error
