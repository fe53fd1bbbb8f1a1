"""When this notebook server was last used, for the Hub's culler.

Jupyter Server counts every request as activity, but an open page polls forever. Here only real use counts: running
cells (even without output), terminal output and file changes. If the machine type has a GPU idle timeout, the service
is also told when the GPUs were last busy.
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
"""GPU utilisation, in percent, below which it counts as idle: a desktop or allocated memory stays below it."""
log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Activity:
    """Tracks one server's activity, and its GPUs' if ``watch_gpus``."""

    def __init__(self, serverapp: Any, service: Service, watch_gpus: bool | None = None) -> None:
        self._server = serverapp
        self._service = service
        self._watch_gpus = bool(os.environ.get("OUTRIDER_GPU_IDLE_TIMEOUT")) if watch_gpus is None else watch_gpus
        self._files_changed = self._gpu_used = _now()
        serverapp.event_logger.add_listener(schema_id=CONTENTS_EVENTS, listener=self._file_event)
        # jupyterhub-singleuser calls this before it reports to the Hub.
        serverapp.web_app.last_activity = self.last

    async def _file_event(self, logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        if data.get("action") in CHANGES:
            self._files_changed = _now()

    def last(self) -> datetime:
        """The time of the last activity; now, while any kernel is busy."""
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
        """Samples the GPUs once and reports to the service. A failed report is made up for by the next one."""
        if not self._watch_gpus:
            return
        found = gpus()
        if not found:
            return
        # An unreadable value counts as busy: no server is stopped because its driver reports nothing.
        if any(gpu.get("utilisation") is None or gpu["utilisation"] >= WORKS_FROM for gpu in found):
            self._gpu_used = _now()
        try:
            await self._service.call("PUT", f"/notebooks/{server_name()}/gpu", {"used_at": self._gpu_used.isoformat()})
        except ServiceError as error:
            log.info("GPU activity could not be reported: %s", error)
