"""The server extension: configuration, settings and handlers."""

from __future__ import annotations

import os
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.utils import url_path_join
from tornado.ioloop import PeriodicCallback
from traitlets import Int, Unicode, default

from .activity import Activity
from .handlers import ROUTES
from .kernels import load_magics
from .service import Service

GPU_CHECK_MS = 60_000


class OutriderExtension(ExtensionApp):
    """Submits and shows jobs in JupyterLab."""

    name = "jupyterlab_outrider"
    load_other_extensions = True

    url = Unicode(help="The Hub's URL as seen from this server; defaults to OUTRIDER_URL").tag(config=True)
    token = Unicode(help="The API token; defaults to the one that JupyterHub gave this server").tag(config=True)
    connect_timeout_s = Int(10, help="Timeout for connecting to the service, in seconds").tag(config=True)

    @default("url")
    def _url(self) -> str:
        return os.environ.get("OUTRIDER_URL", "")

    @default("token")
    def _token(self) -> str:
        return os.environ.get("JUPYTERHUB_API_TOKEN") or os.environ.get("OUTRIDER_TOKEN", "")

    def initialize_settings(self) -> None:
        service = self.settings["outrider_service"] = Service(self.url, self.token, self.connect_timeout_s)
        load_magics(self.serverapp)
        activity = Activity(self.serverapp, service)
        self._timer = PeriodicCallback(activity.look_at_gpus, GPU_CHECK_MS)
        self._timer.start()

    def initialize_handlers(self) -> None:
        self.handlers.extend(_at(path, handler) for path, handler in ROUTES)

    async def stop_extension(self) -> None:
        self._timer.stop()


def _at(path: str, handler: Any) -> tuple[str, Any]:
    return url_path_join("/outrider", path), handler
