"""Where a sandbox's proxy may connect to for a host and port: there directly, or the proxy of this network.

Resolves names and asks the routing table; sends nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
import ipaddress
import socket
import ssl
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from .addresses import Address, is_closed, networks, unwrapped
from .spec import Web

LOOKUP_S: Final = 10.0
GLANCE_S: Final = 2.0
_PORTS: Final = {"http": 80, "https": 443}


class Refused(Exception):
    """The request is refused: an HTTP status, and a sentence that the client shows."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.reason = status, http.HTTPStatus(status).phrase


@dataclass(frozen=True)
class Place:
    """Addresses that may be connected to as they are, in this order. `proxy`: what is there is another proxy, which
    takes `login` as header fields."""

    name: str
    addresses: tuple[str, ...]
    port: int
    proxy: bool = False
    tls: ssl.SSLContext | None = None
    login: tuple[tuple[bytes, bytes], ...] = ()


class Reach:
    """`web.hosts` (`mirror`, `10.0.0.5:3141`) can be reached whatever their address is. Raises ValueError for a closed
    network that is not an IPv4 network."""

    def __init__(self, web: Web, closed: Sequence[str]) -> None:
        self._web = web
        self._hosts = {host.lower().replace("[", "").replace("]", "") for host in web.hosts}
        self._closed = networks(closed)

    async def place(self, host: str, port: int, *, tunnel: bool) -> Place:
        """Raises Refused, OSError for an unknown name, and TimeoutError."""
        proxy = self._web.https_proxy if tunnel else self._web.http_proxy
        bypass = proxy_bypass_environment(f"{host}:{port}", {"no": self._web.no_proxy})
        if not proxy or bypass:
            return Place(host, await self._open_addresses(host, port), port)
        # The next proxy also resolves names that this machine does not know. Those that it knows are checked here.
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(GLANCE_S):
                await self._open_addresses(host, port)
        return await _other_proxy(proxy)

    async def _open_addresses(self, host: str, port: int) -> tuple[str, ...]:
        """One closed address is enough to refuse a name: a mix of open and closed addresses is an attack."""
        found = await _look_up(host, port)
        named = host in self._hosts or f"{host}:{port}" in self._hosts
        if not named and any(is_closed(unwrapped(address), self._closed) or _is_own(address) for address in found):
            raise Refused(
                403, f"{host} is at an address that sandboxes are kept from. The administrator can allow it by name."
            )
        return tuple(str(address) for address in dict.fromkeys(found))


async def _look_up(host: str, port: int) -> list[Address]:
    """The addresses of a host as this machine resolves it, including spellings such as 127.1 and 2130706433."""
    async with asyncio.timeout(LOOKUP_S):
        try:
            answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except ValueError:  # names that no resolver is asked about: empty labels, ones that are too long
            raise Refused(400, f"{host[:100]} is no name of a host.") from None
    return [ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers]


def _is_own(address: Address) -> bool:
    """Whether an address is this machine's: for those alone the kernel takes the destination as the source too."""
    address = unwrapped(address)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return bool(ipaddress.ip_address(probe.getsockname()[0].partition("%")[0]) == address)
    except OSError:
        return False  # there is no way to it at all


async def _other_proxy(text: str) -> Place:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port or _PORTS.get(parts.scheme, 0)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError(parts.scheme)
    except ValueError:
        raise Refused(502, "The address of this network's own proxy must be http:// or https://host:port.") from None
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    addresses = tuple(str(address) for address in dict.fromkeys(await _look_up(parts.hostname, port)))
    return Place(parts.hostname, addresses, port, proxy=True, tls=tls, login=_login(parts))


def _login(parts: SplitResult) -> tuple[tuple[bytes, bytes], ...]:
    if parts.username is None:
        return ()
    account = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return ((b"Proxy-Authorization", b"Basic " + b64encode(account)),)
