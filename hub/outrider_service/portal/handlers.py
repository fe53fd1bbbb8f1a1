"""Serves the pages and their files. Pages need a login; the files are the same for everyone and do not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jupyterhub.services.auth import HubOAuthenticated
from tornado.routing import URLSpec
from tornado.web import HTTPError, RequestHandler, StaticFileHandler

from ..contracts.browsers import is_loopback_alias, is_navigation, origin
from .page import POLICY, STATIC, Place, fill, is_page, template

if TYPE_CHECKING:
    from ..service import Service

YEAR_S = 365 * 86400
NOT_BUILT = "The web pages are not built; the command line and the API work. `make run` builds them."
FAILED = "Internal error. The service's log has details."


class PageHandler(HubOAuthenticated, RequestHandler):
    """Every address that is a page. The page's own script decides what to show there."""

    def initialize(self, service: Service) -> None:
        self.service = service

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        # A page of another origin that opened this one in a window keeps no hold of it.
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    async def get(self, path: str) -> None:
        public = self.service.public_url
        if is_navigation("GET", self.request.headers) and is_loopback_alias(self.request.host, public):
            # The login's cookies are for one name of this machine.
            self.redirect(origin(public) + (self.request.uri or "/"))
            return
        caller = await self.service.authenticator.caller(self)
        if caller is None:
            self.redirect(self.get_login_url())
            return
        text = template()
        if text is None:
            self.set_status(503)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(NOT_BUILT)
            return
        # Reading the property sets the cookie that the page sends back in X-XSRFToken.
        _ = self.xsrf_token
        self.set_status(200 if is_page(path) else 404)
        hub = self.service.prefix.partition("services/")[0] + "hub/"
        self.finish(fill(text, Place(self.service.prefix, hub, caller.name, caller.admin)))

    head = get

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        error = kwargs.get("exc_info", (None, None, None))[1]
        why = error.log_message if isinstance(error, HTTPError) else None
        self.finish(why or (FAILED if status_code >= 500 else "Pages allow only GET."))


class PageFiles(StaticFileHandler):
    """Scripts and styles. Their names contain a hash of the content, so browsers may cache them forever."""

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("X-Content-Type-Options", "nosniff")

    def get_cache_time(self, path: str, modified: Any, mime_type: str) -> int:
        return YEAR_S if path.startswith("assets/") else 0

    def set_extra_headers(self, path: str) -> None:
        if path.startswith("assets/"):
            self.set_header("Cache-Control", f"public, max-age={YEAR_S}, immutable")


def handlers(service: Service) -> list[URLSpec]:
    """The last entries of the application's table, because pages match every other address."""
    prefix = re.escape(service.prefix)
    return [
        URLSpec(prefix + r"static/(.+)", PageFiles, {"path": str(STATIC)}),
        URLSpec(prefix + r"(.*)", PageHandler, {"service": service}),
    ]
