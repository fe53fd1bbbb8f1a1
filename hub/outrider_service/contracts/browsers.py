"""What a request's headers say about the page that sent it: pure rules that the Hub and the service share.

Browsers describe the sender in ``Sec-Fetch-*`` (https://www.w3.org/TR/fetch-metadata/); programs send none of them, and
neither does a browser to an insecure address.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

FOREIGN: Final = ("same-site", "cross-site")
READING: Final = ("GET", "HEAD")


def is_navigation(method: str, headers: Mapping[str, str]) -> bool:
    """Whether somebody opens a page with this request. Without fetch metadata, asking for HTML says so."""
    if method not in READING:
        return False
    mode = headers.get("Sec-Fetch-Mode")
    return "text/html" in headers.get("Accept", "") if mode is None else mode == "navigate"


def from_foreign_page(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a page of another origin sent this with the visitor's cookies, otherwise than by following a link.

    SameSite cookies and CORS leave gaps between hosts of one domain; this has none. A request with a token of its own
    does what its sender may do anyway.
    """
    if headers.get("Sec-Fetch-Site") not in FOREIGN or "Authorization" in headers:
        return False
    return not is_navigation(method, headers)


def hostname(host: str) -> str:
    """The name in a Host header, in lower case and without its port; empty where it cannot be read."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def origin(url: str) -> str:
    """Scheme, host and port of an address, without its path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(name: str) -> bool:
    """Whether a host name means this machine."""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def is_loopback_alias(host: str, public_url: str) -> bool:
    """Whether a Host header names this machine by a number where people use ``localhost``."""
    name = hostname(host)
    return urlsplit(public_url).hostname == "localhost" and name != "localhost" and is_loopback(name)
