"""Decides which addresses the service may connect to on a user's behalf. Resolves names, but does not connect.

Only addresses of the public Internet are, but for hosts that the operator allows by name. What is checked is the
address that is then connected to, so that a name that changes its meaning between two look-ups gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from outrider_sandbox.addresses import Address, unwrapped

LOOKUP_S: Final = 10.0


class AddressRefused(Exception):
    """The address is not allowed. The message is for the user and reveals nothing about internal networks."""


def is_public(address: Address) -> bool:
    """Whether this is an address of the public Internet, however it is written."""
    if isinstance(address, ipaddress.IPv6Address):
        address = unwrapped(address)
        if isinstance(address, ipaddress.IPv4Address):
            return is_public(address)
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def literal(host: str) -> Address | None:
    """The address that the host is, where it is not a name. Also the spellings that only some libraries take for one:
    they are names to us, and refused as such by the resolver."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


class Guard:
    """``allowed``: hosts (``registry.internal``, ``10.0.0.5:5000``) that the operator lets be reached wherever they
    are; with ``http://`` in front, without encryption as well."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._hosts: set[tuple[str, int | None]] = set()
        self._plain: set[tuple[str, int | None]] = set()
        for entry in allowed:
            parts = urlsplit(entry if "://" in entry else f"//{entry}")
            if not parts.hostname or parts.scheme not in ("", "http", "https") or parts.path not in ("", "/"):
                raise ValueError(f"{entry!r} is not a host, host:port or http://host:port")
            key = (parts.hostname, parts.port)
            self._hosts.add(key)
            if parts.scheme == "http":
                self._plain.add(key)

    def is_allowed(self, host: str, port: int) -> bool:
        """Whether the operator allows this host by name."""
        return bool({(host.lower(), port), (host.lower(), None)} & self._hosts)

    def may_be_plain(self, host: str, port: int) -> bool:
        """Whether plain HTTP is allowed to this host."""
        return bool({(host.lower(), port), (host.lower(), None)} & self._plain)

    def read_url(self, text: str) -> URL:
        """Checks scheme, form, and an address written out, before anything is sent. Raises AddressRefused.

        What is returned is what must be connected to: another reading of the same text could name another host.
        """
        try:
            url = URL(text)
            host, port = url.host, url.port
        except ValueError as error:
            raise AddressRefused("Not a valid address.") from error
        if not host or not port or url.scheme not in ("http", "https") or url.user is not None:
            raise AddressRefused("Only https:// addresses without user name and password are allowed.")
        if url.scheme == "http" and not self.may_be_plain(host, port):
            raise AddressRefused(f"{host} uses no encryption, which is not allowed here.")
        address = literal(host)
        if address is None and (":" in host or not any(char.isalpha() for char in host)):
            # An old spelling of an address ("127.1"), which aiohttp would connect to without asking the resolver.
            raise self._refused(host)
        if address is not None and not is_public(address) and not self.is_allowed(host, port):
            raise self._refused(host)
        return url

    async def addresses(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> list[Address]:
        """Where the host may be connected to. Raises AddressRefused, also where there is no such name."""
        known = literal(host)
        if known is not None:
            found = [known]
        else:
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(LOOKUP_S):
                    answers = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
            except socket.gaierror as error:
                # In the words for an internal address: which names this network knows is nobody's business.
                raise self._refused(host) from error
            found = [ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers]
        # One bad address is enough: a name that resolves to internal and public addresses is not an accident.
        if not self.is_allowed(host, port) and not all(is_public(address) for address in found):
            raise self._refused(host)
        return list(dict.fromkeys(found))

    def _refused(self, host: str) -> AddressRefused:
        what = "does not exist or is inside this network" if literal(host) is None else "is inside this network"
        return AddressRefused(f"{host} {what}, which is not allowed. The administrator can allow it by name.")


class GuardedResolver(AbstractResolver):
    """The resolver that aiohttp uses."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            self._result(host, port, address) for address in await self._guard.addresses(host, port, family=int(family))
        ]

    def _result(self, host: str, port: int, address: Address) -> ResolveResult:
        family: Any = socket.AF_INET if address.version == 4 else socket.AF_INET6
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return ResolveResult(hostname=host, host=str(address), port=port, family=family, proto=0, flags=flags)

    async def close(self) -> None:
        pass
