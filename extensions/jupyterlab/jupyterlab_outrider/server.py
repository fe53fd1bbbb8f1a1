"""The status of this notebook server: resource usage, cost, and when and why it stops."""

from __future__ import annotations

import os
from typing import Any

from .service import Service, ServiceError

_usage: Any = None
_gpus: Any = None


def server_name() -> str:
    """The server's name in the service's URLs; "-" for the default server."""
    return os.environ.get("JUPYTERHUB_SERVER_NAME") or "-"


def usage() -> dict[str, Any]:
    """CPU, memory and GPU usage; {} where the image does not have the ``outrider`` package, which measures it."""
    global _usage, _gpus
    if _usage is None:
        try:
            from outrider.runner.gpus import Gpus
            from outrider.runner.usage import Usage
        except ImportError:
            return {}
        limit = os.environ.get("MEM_LIMIT", "")
        _usage, _gpus = Usage(int(limit) if limit.isdecimal() else None), Gpus(None)
    memory, memory_limit = _usage.memory()
    return {"cpu": _usage.cpu(), "memory": memory, "memory_limit": memory_limit, "gpus": _gpus.look()}


async def status(service: Service) -> dict[str, Any]:
    """Never raises: if the service is unreachable, ``reachable`` is false and ``message`` says why."""
    found: dict[str, Any] = {
        "reachable": False,
        "message": None,
        "image": os.environ.get("OUTRIDER_IMAGE"),
        "machine": os.environ.get("OUTRIDER_MACHINE"),
        "usage": usage(),
        "notebook": None,
        "me": None,
    }
    try:
        found["me"] = await service.call("GET", "/me")
        found["reachable"] = True
        found["notebook"] = await service.call("GET", f"/notebooks/{server_name()}")
    except ServiceError as error:
        found["message"] = str(error)
    return found


async def keep(service: Service) -> Any:
    return await service.call("POST", f"/notebooks/{server_name()}/keep")
