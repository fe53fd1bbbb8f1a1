"""Cursors of lists that are read a page at a time."""

from __future__ import annotations


class BadCursor(ValueError):
    """The cursor was not issued by this service, or for another list."""
