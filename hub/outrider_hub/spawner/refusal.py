"""JupyterHub's exception for a server that must not start, also on the Hubs of zero-to-jupyterhub, which are older.

Touches nothing.
"""

from __future__ import annotations

from tornado import web

try:
    from jupyterhub.spawner import SpawnException
except ImportError:  # JupyterHub 5

    class SpawnException(web.HTTPError):  # type: ignore[no-redef]
        """The part of JupyterHub 6's that is used here; a JupyterHub 5 takes it for any error that was foreseen."""

        def __init__(self, message: str, *, reason: str, status_code: int = 400) -> None:
            super().__init__(status_code, message.replace("%", "%%"))


__all__ = ["SpawnException"]
