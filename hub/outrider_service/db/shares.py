"""Whose work asks the database, and how much of its pool that may hold at once.

The pool is small and everybody's, the reconciler's too. A request runs ``on_behalf_of`` its user; what it then asks of
the database waits in that user's own line once they hold their share, and so never in anybody else's way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final
from weakref import WeakValueDictionary

EACH: Final = 4
"""Connections of the pool (of 16) that the work of one user may hold."""

_user: ContextVar[str | None] = ContextVar("user", default=None)
_holds: ContextVar[bool] = ContextVar("holds", default=False)


def on_behalf_of(user: str | None) -> None:
    """From here on this task, and those that it starts, ask for this user; None: for the service itself."""
    _user.set(user)


@asynccontextmanager
async def for_everybody() -> AsyncIterator[None]:
    """Within it the task asks for the service itself: what it holds meanwhile (a lock) others wait for."""
    token = _user.set(None)
    try:
        yield
    finally:
        _user.reset(token)


class Shares:
    """A line for each user who asks."""

    def __init__(self, each: int = EACH) -> None:
        self._each = each
        self._lines: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn of the current user's, if there is one. Within a turn another is not waited for: what holds a
        connection must not wait for itself."""
        user = _user.get()
        if user is None or _holds.get():
            yield
            return
        line = self._lines.get(user)
        if line is None:
            line = self._lines[user] = asyncio.Semaphore(self._each)
        async with line:
            held = _holds.set(True)
            try:
                yield
            finally:
                _holds.reset(held)
