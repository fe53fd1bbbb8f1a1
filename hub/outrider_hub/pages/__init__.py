"""Outrider's own Hub pages: the spawn page, the list of notebooks, and the header of every page.

They are rendered on the server and work without JavaScript; one script adds search and live updates to the spawn page.
Handlers use the Hub's users and spawners, as JupyterHub's own do, and call the service through the spawner.
"""

from . import logout
from .install import configure_pages, own_pages

__all__ = ["configure_pages", "logout", "own_pages"]
