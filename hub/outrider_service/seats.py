"""Limits how many of something one user may have at once: connections, subscriptions, queued work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

RETRY_AFTER_S: Final = 10


class TooMany(Exception):
    """The user has as many as one user may have. The message is for a person and names the limit."""

    retry_after_s = RETRY_AFTER_S


class Seats:
    """Counts what each user has. ``what`` completes the sentence "You have 64 … open"."""

    def __init__(self, each: int, what: str) -> None:
        self.each = each
        self._what = what
        self._taken: Counter[str] = Counter()

    def __len__(self) -> int:
        """All that are taken."""
        return self._taken.total()

    def check(self, user: str) -> None:
        """Raises TooMany if this user gets no further one."""
        if self._taken[user] >= self.each:
            raise TooMany(
                f"You have {self.each} {self._what} open, which is the limit for one user. Close some and try again."
            )

    @contextmanager
    def take(self, user: str) -> Iterator[None]:
        """Keep one for the time of the block. Raises TooMany."""
        self.check(user)
        self._taken[user] += 1
        try:
            yield
        finally:
            self._taken[user] -= 1
            if not self._taken[user]:
                del self._taken[user]
