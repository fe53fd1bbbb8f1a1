"""Outrider's own pages of the Hub: starting a notebook, the list of one's notebooks, and the header on every page.

They are HTML made on the server, usable without a script; one module of JavaScript makes the start livelier. May
touch the Hub's users and spawners, as JupyterHub's own handlers do, and asks the service through the spawner.
"""

from .install import configure_pages, own_pages

__all__ = ["configure_pages", "own_pages"]
