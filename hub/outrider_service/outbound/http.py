"""The HTTP client behind the guard: bounded in time and size, each redirect checked like the first address."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from .guard import AddressRefused, Guard, GuardedResolver

TIMEOUT: Final = aiohttp.ClientTimeout(total=30, sock_connect=10)
MOST_REDIRECTS: Final = 5
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
USER_AGENT: Final = "Outrider"


class Failure(Exception):
    """No usable answer came; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outbound:
    """Sends requests to addresses that users name. Create it inside the event loop and close it."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        # No cache: each connection goes to an address that was just checked. No cookies, no proxy of the environment.
        connector = aiohttp.TCPConnector(
            resolver=GuardedResolver(guard), use_dns_cache=False, limit=32, limit_per_host=8, force_close=True
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=TIMEOUT,
            auto_decompress=False,
            trust_env=False,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        most_bytes: int = 4 * 2**20,
        redirects: bool = True,
    ) -> Answer:
        """The answer, after redirects. ``Authorization`` goes to no other origin. Raises AddressRefused and Failure."""
        sent = dict(headers or {})
        try:
            # The time limit covers all hops, so a chain of slow redirects cannot get around it.
            async with asyncio.timeout(TIMEOUT.total):
                for _ in range(MOST_REDIRECTS + 1):
                    here = self.guard.read_url(url)
                    answer = await self._once(method, here, sent, body, most_bytes)
                    target = answer.headers.get("location")
                    if not redirects or answer.status not in REDIRECTS or not target:
                        return answer
                    url = urljoin(url, target)
                    if self.guard.read_url(url).origin() != here.origin():
                        sent.pop("Authorization", None)
        except AddressRefused:
            raise
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Failure(_why(error, url)) from error
        raise Failure(f"{urlsplit(url).hostname} redirects too often.")

    async def _once(
        self, method: str, url: URL, headers: Mapping[str, str], body: bytes | None, most_bytes: int
    ) -> Answer:
        async with self._session.request(method, url, headers=headers, data=body, allow_redirects=False) as response:
            found = bytearray()
            async for chunk in response.content.iter_chunked(65536):
                found += chunk
                if len(found) > most_bytes:
                    raise Failure(f"{response.url.host} answered with more than {most_bytes >> 10} KiB.")
            return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, bytes(found))


def _why(error: BaseException, url: str) -> str:
    """The reason, without details about internal networks."""
    host = urlsplit(url).hostname
    if isinstance(error, TimeoutError):
        return f"{host} did not answer in time."
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"The host {host} was not found."
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLError | aiohttp.ClientSSLError):
        return f"{host} has an invalid certificate."
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"{host} refused the connection."
    return f"{host} did not answer with valid HTTP."
