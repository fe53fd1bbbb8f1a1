"""Registers the pages with the Hub: handlers, templates and static files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tornado.web import StaticFileHandler

from .api import CheckHandler, OfferHandler
from .home import HomePage, NewNotebook, StopNotebook
from .spawn import SpawnPage

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
STATIC = HERE / "static"
LINKS = HERE / "links.json"
"""The links in the header, for the template here and for the portal, which imports the file."""


class Files(StaticFileHandler):
    """Stylesheets and scripts. Their URLs change with their content."""

    def set_default_headers(self) -> None:
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'")


def version() -> str:
    """A hash of the static files, for cache busting."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def configure_pages(c: Any, most_notebooks: int) -> None:
    """Adds Outrider's pages to the Hub. ``most_notebooks`` limits the named notebooks per user (0: no limit)."""
    c.JupyterHub.template_paths = [str(TEMPLATES)]
    c.JupyterHub.template_vars = {"outrider_version": version(), "outrider_links": json.loads(LINKS.read_text())}
    c.JupyterHub.extra_handlers = extra_handlers()
    c.JupyterHub.allow_named_servers = True
    c.JupyterHub.named_server_limit_per_user = most_notebooks


def own_pages() -> list[tuple[str, type[Any]]]:
    """Handlers that replace JupyterHub's own at the same URLs."""
    return [
        (r"/home", HomePage),
        (r"/spawn", SpawnPage),
        (r"/spawn/([^/]+)", SpawnPage),
        (r"/spawn/([^/]+)/([^/]+)", SpawnPage),
    ]


def extra_handlers() -> list[tuple[Any, ...]]:
    """For ``JupyterHub.extra_handlers``."""
    return [
        (r"/outrider/static/(.+)", Files, {"path": str(STATIC)}),
        (r"/outrider/new", NewNotebook),
        (r"/outrider/stop", StopNotebook),
        (r"/api/outrider/users/([^/]+)/offer", OfferHandler),
        (r"/api/outrider/users/([^/]+)/check", CheckHandler),
    ]
