"""The origin of a browser's request and the targets of redirects. Pure."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from tornado.httputil import HTTPServerRequest


def from_elsewhere(request: HTTPServerRequest) -> bool:
    """Whether a page of another origin had this request sent.

    Hosts of other people's ports lie in the same domain, so "SameSite" cookies come along with what their pages send.
    Following a link or a redirect is no such request; a program that is no browser says neither.
    """
    headers = request.headers
    origin = headers.get("Origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() != request.host.lower()
    return (
        headers.get("Sec-Fetch-Site", "none") in ("same-site", "cross-site")
        and headers.get("Sec-Fetch-Mode", "navigate") != "navigate"
    )


def local_path(wanted: str) -> str:
    """``wanted`` as a redirect's target that stays on the host. Browsers read ``//x`` and ``/\\x`` as other hosts."""
    parts = urlsplit("/" + wanted.lstrip("/\\"))
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~")
    return path + (f"?{quote(parts.query, safe='/%:@!$&()*+,;=~?')}" if parts.query else "")
