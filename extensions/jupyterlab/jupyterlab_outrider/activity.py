"""A kernel that computes in silence is in use: tells the server so, which tells the Hub, which does not cull it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any


class BusyKernels:
    """Looks at the kernels of one server."""

    def __init__(self, serverapp: Any) -> None:
        self._server = serverapp

    def look(self) -> None:
        """Count a busy kernel as activity now."""
        busy = any(model.get("execution_state") == "busy" for model in self._server.kernel_manager.list_kernels())
        if busy:
            self._server.web_app.settings["api_last_activity"] = datetime.now(timezone.utc)
