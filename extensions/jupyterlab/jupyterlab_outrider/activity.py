"""When this notebook server was last used, which is what the Hub's culler goes by.

Jupyter Server counts every request as activity, and an open page asks without end. Here use is what somebody does:
a cell that runs (in silence as well), a terminal that speaks, a file that is changed. Where its machine type minds
idle GPUs, the service is told when they last worked.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from .server import server_name, usage
from .service import Service, ServiceError

CONTENTS_EVENTS = "https://events.jupyter.org/jupyter_server/contents_service/v1"
CHANGES = frozenset({"create", "save", "upload", "rename", "copy", "delete"})
WORKS_FROM = 5.0
"""Percent of a GPU below which it does nothing: what draws a desktop or only holds memory stays under it."""
log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Activity:
    """Watches one server; ``watch_gpus`` where somebody wants to know of them."""

    def __init__(self, serverapp: Any, service: Service, watch_gpus: bool | None = None) -> None:
        self._server = serverapp
        self._service = service
        self._watch_gpus = bool(os.environ.get("OUTRIDER_GPU_IDLE_TIMEOUT")) if watch_gpus is None else watch_gpus
        self._files_changed = self._gpu_used = _now()
        serverapp.event_logger.add_listener(schema_id=CONTENTS_EVENTS, listener=self._file_event)
        # What jupyterhub-singleuser asks before it reports to the Hub.
        serverapp.web_app.last_activity = self.last

    async def _file_event(self, logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        if data.get("action") in CHANGES:
            self._files_changed = _now()

    def last(self) -> datetime:
        """The last use; now, while any kernel is busy."""
        kernels = self._server.kernel_manager
        if any(model.get("execution_state") == "busy" for model in kernels.list_kernels()):
            return _now()
        settings = self._server.web_app.settings
        sources = [settings["started"], kernels.last_kernel_activity, self._files_changed]
        if terminals := settings.get("terminal_last_activity"):
            sources.append(terminals)
        latest: datetime = max(time if time.tzinfo else time.replace(tzinfo=timezone.utc) for time in sources)
        return latest

    async def look_at_gpus(self, gpus: Callable[[], list[dict[str, Any]]] = lambda: usage().get("gpus") or []) -> None:
        """One look; the service hears of it. One that does not answer hears the next time."""
        if not self._watch_gpus:
            return
        found = gpus()
        if not found:
            return
        # A value that could not be read is taken for work: nobody's server is stopped for a driver's silence.
        if any(gpu.get("utilisation") is None or gpu["utilisation"] >= WORKS_FROM for gpu in found):
            self._gpu_used = _now()
        try:
            await self._service.call("PUT", f"/notebooks/{server_name()}/gpu", {"used_at": self._gpu_used.isoformat()})
        except ServiceError as error:
            log.info("The use of the GPUs is not reported now: %s", error)
