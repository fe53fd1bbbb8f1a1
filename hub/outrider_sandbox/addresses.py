"""Which addresses a sandbox's proxy may connect to. Pure: connects to nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Networks = tuple[ipaddress.IPv4Network, ...]

_NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_THIS_NETWORK: Final = ipaddress.IPv4Network("0.0.0.0/8")


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 address carries (mapped, compatible, 6to4, Teredo, NAT64), or the address."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    carried = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if carried is None and any(address in network for network in _NAT64):
        carried = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if carried is None and address in _COMPATIBLE and int(address) > 1:
        carried = ipaddress.IPv4Address(int(address))
    return carried or address


def is_closed(address: Address, closed: Networks) -> bool:
    """Whether sandboxes must not reach an address: the machine's own, link-local, multicast, and closed networks.

    Only public IPv6 addresses are open, because clouds have metadata services at private ones. Sandboxes with a
    network of their own have no IPv6 at all.
    """
    address = unwrapped(address)
    if isinstance(address, ipaddress.IPv6Address):
        return not address.is_global or address.is_multicast or address.is_reserved or address.is_site_local
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_reserved:
        return True
    return address in _THIS_NETWORK or any(address in network for network in closed)


def networks(texts: Iterable[str]) -> Networks:
    """The texts as networks. Raises ValueError for a text that is not an IPv4 network such as 10.0.0.0/8."""
    return tuple(ipaddress.IPv4Network(text) for text in texts)
