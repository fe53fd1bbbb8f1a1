"""JupyterHub's exception for a server that must not start, with a stand-in for the older Hubs of zero-to-jupyterhub."""

from __future__ import annotations

from tornado import web

try:
    from jupyterhub.spawner import SpawnException
except ImportError:  # JupyterHub 5

    class SpawnException(web.HTTPError):  # type: ignore[no-redef]
        """The part of JupyterHub 6's exception that is used here; JupyterHub 5 treats it as any HTTP error."""

        def __init__(self, message: str, *, reason: str, status_code: int = 400) -> None:
            super().__init__(status_code, message.replace("%", "%%"))


__all__ = ["SpawnException"]
