"""The wall clock, in one place."""

import time


def now() -> float:
    """Seconds since 1970, UTC."""
    return time.time()
