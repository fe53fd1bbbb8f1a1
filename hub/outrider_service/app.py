"""The web application: which handler serves which address, on the service's port and on the apps port."""

from __future__ import annotations

import logging
import re
from typing import Final

import orjson
from jupyterhub.services.auth import HubOAuthCallbackHandler
from tornado.routing import URLSpec
from tornado.web import Application, RequestHandler

from . import portal
from .api.openapi import document
from .api.routes import registered
from .api.routing import ApiHandler
from .api.stream import StreamHandler
from .compression import compression
from .endpoints.handlers import Entrance, HostEndpoint, PathEndpoint
from .service import Service

ROUTES: Final = registered()


class OpenApiHandler(RequestHandler):
    """The description of the API, for everybody: it holds no secret."""

    def initialize(self, service: Service) -> None:
        self.service = service

    def get(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(orjson.dumps(document(ROUTES, self.service.api_prefix)))


def make_app(service: Service) -> Application:
    """The application on the service's own port, behind the Hub's proxy."""
    prefix = re.escape(service.prefix)
    with_service = {"service": service}
    with_endpoints = {"endpoints": service.endpoints}
    return Application(
        [
            URLSpec(prefix + "oauth_callback", HubOAuthCallbackHandler),
            URLSpec(prefix + r"api/v1/openapi\.json", OpenApiHandler, with_service),
            URLSpec(prefix + r"api/v1/stream", StreamHandler, with_service),
            URLSpec(prefix + r"api/v1(?:/.*)?", ApiHandler, {**with_service, "routes": ROUTES}),
            URLSpec(prefix + r"endpoints/.*", PathEndpoint, with_endpoints),
            URLSpec(prefix + r"enter/(j[0-9a-z]{12})/(\d{4,5})", Entrance, with_endpoints),
            *portal.handlers(service),
        ],
        cookie_secret=service.cookie_secret,
        log_function=_log_request,
        websocket_ping_interval=30,
        transforms=[compression(service.prefix)],
    )


def make_apps_app(service: Service) -> Application:
    """The application on the second port: every host but the Hub's."""
    return Application([(r".*", HostEndpoint, {"endpoints": service.endpoints})], log_function=_log_request)


def _log_request(handler: RequestHandler) -> None:
    """One line for what failed, without the query: it may hold a ticket."""
    if handler.get_status() >= 500:
        logging.getLogger("outrider.access").warning(
            "%s %s %s", handler.get_status(), handler.request.method, handler.request.path
        )
