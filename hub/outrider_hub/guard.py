"""Keeps the Hub on its own origin.

The proxy hands the Hub every request that no other route takes, whatever host it names: without this, the login page
would also answer on a notebook's host, where that notebook's owner reads what is typed. ``judge`` is pure; ``install``
puts it in front of the Hub's own handlers.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule
from tornado.web import Application, RequestHandler

from outrider_service.contracts.browsers import (
    from_foreign_page,
    is_loopback_alias,
    is_navigation,
)

from .origins import Origins

OPEN: Final = ("/hub/static/", "/hub/logo", "/hub/outrider/static/")
"""Files that are the same for everybody and that pages elsewhere show."""
API: Final = "/hub/api/"
SERVICE: Final = "/services/outrider/"
"""What of this arrives here at the right host, the proxy does not know yet: a Hub that starts adds its routes last."""
SERVICES: Final = "/services/"
"""Which the proxy routes by host: what arrives here named another."""
PAGE: Final = '<!doctype html><html lang="en"><title>Outrider</title><p>{message}</p></html>'


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer in place of the Hub's. ``location`` where it is a redirect."""

    status: int
    message: str = ""
    location: str = ""


def judge(
    origins: Origins, method: str, host: str, uri: str, headers: Mapping[str, str], logins: Sequence[str] = ()
) -> Verdict | None:
    """What to answer instead of the Hub; None lets the request pass.

    ``logins``: patterns of the paths to which other sites post a login, as identity providers do.
    """
    path = uri.partition("?")[0]
    opens = is_navigation(method, headers)
    if origins.is_notebooks(host) and not _for_programs(origins, path):
        return _on_notebooks_host(origins, path, uri, opens)
    if not _at_home(origins, host) and (path.startswith(SERVICES) or (opens and not path.startswith(API))):
        return _elsewhere(origins, host, uri)
    if path.startswith(SERVICE):
        return Verdict(503, "Outrider's service is just starting. Try again in a moment.")
    if not from_foreign_page(method, headers) or path.startswith(OPEN):
        return None
    if any(re.fullmatch(login, path) for login in logins):
        return None
    return Verdict(403, "A page of another origin sent this request.")


def _for_programs(origins: Origins, path: str) -> bool:
    """Programs use 127.0.0.1 even where that is the host of all notebooks; nobody logs in there with a browser."""
    return origins.shared and origins.hub_name == "localhost" and path.startswith((API, "/hub/health"))


def _at_home(origins: Origins, host: str) -> bool:
    return not origins.separate or origins.is_hub(host)


def _on_notebooks_host(origins: Origins, path: str, uri: str, opens: bool) -> Verdict:
    if opens:
        return Verdict(302, location=origins.hub + (uri if path.startswith("/hub/") else "/hub" + uri))
    if path.startswith("/user/"):
        # What Lab takes for a stopped server: it offers to start it again.
        return Verdict(424, f"This notebook is not running. Start it at {origins.hub}/hub/home.")
    return Verdict(421, f"The Hub is at {origins.hub}.")


def _elsewhere(origins: Origins, host: str, uri: str) -> Verdict:
    if is_loopback_alias(host, origins.hub):
        return Verdict(302, location=origins.hub + uri)
    return Verdict(
        421,
        f"Outrider is at {origins.hub}, and this request came for {host or 'no host'}. If you reach it by another "
        "address (through an ssh tunnel to another port, or a reverse proxy), start Outrider with OUTRIDER_PUBLIC_URL "
        "set to that address; a reverse proxy must pass the Host header on.",
    )


class _Refused(Matcher):
    def __init__(self, origins: Origins, logins: Sequence[str]) -> None:
        self._origins = origins
        self._logins = logins

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        verdict = judge(
            self._origins, request.method or "", request.host, request.uri or "/", request.headers, self._logins
        )
        return None if verdict is None else {"target_kwargs": {"verdict": verdict}}


class _Answer(RequestHandler):
    """Gives the verdict: to a person as a page, to a program as JSON."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

    def initialize(self, verdict: Verdict) -> None:
        self.verdict = verdict

    def check_xsrf_cookie(self) -> None:
        """Nothing is done here."""

    def prepare(self) -> None:
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        if self.verdict.location:
            self.redirect(self.verdict.location)
            return
        if self.verdict.status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.set_header("Retry-After", "2")
        self.set_status(self.verdict.status, HTTPStatus(self.verdict.status).phrase)
        if is_navigation(self.request.method or "", self.request.headers):
            self.finish(PAGE.format(message=html.escape(self.verdict.message)))
        else:
            self.finish({"status": self.verdict.status, "message": self.verdict.message})


def install(application: Application, origins: Origins, logins: Sequence[str]) -> None:
    """Puts the guard in front of everything that the Hub serves."""
    application.default_router.rules.insert(0, Rule(_Refused(origins, logins), _Answer))
