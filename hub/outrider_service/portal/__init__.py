"""Serves the web pages: one HTML file for every address, and the files it loads.

What the pages show they ask the API for, like any other client. They are built from ``extensions/portal`` into
``static`` here; nothing in this package knows what is in them.
"""

from .handlers import handlers

__all__ = ["handlers"]
