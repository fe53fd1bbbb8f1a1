"""One run at a time on this machine's cluster: checkouts share it, and what one starts another would take away."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

LOCK: Final = Path("/run/lock/outrider-cluster")
HELD: Final = "OUTRIDER_CLUSTER_TURN"
"""Set for programs that are started by whoever has the turn."""


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """Waits until nobody else uses the cluster. Ends with the process, however that ends."""
    if os.environ.get(HELD):
        yield
        return
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another run uses the cluster; waiting for it ({LOCK}) …", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        os.environ[HELD] = str(os.getpid())
        try:
            yield
        finally:
            del os.environ[HELD]
