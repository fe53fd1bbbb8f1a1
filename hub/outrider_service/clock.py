"""The wall clock, and its times as dates, in one place."""

import time
from datetime import UTC, datetime
from typing import Final

LAST_TIME: Final = 1e10
"""Seconds since 1970 in the year 2286. What programs write as a time may be any number, or none."""


def now() -> float:
    """Seconds since 1970, UTC."""
    return time.time()


def as_date(seconds: float) -> datetime:
    """The date of a time in seconds since 1970. What lies outside 1970 to 2286 becomes the nearest end, and NaN the
    beginning, so that one damaged number does not keep anybody from the rest of a page."""
    return datetime.fromtimestamp(min(max(0.0, seconds), LAST_TIME), UTC)
