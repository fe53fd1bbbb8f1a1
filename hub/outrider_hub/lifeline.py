"""Ties a process to its parent's life.

Sets the process's parent-death signal; no other side effects.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with(parent: int, number: int = signal.SIGTERM) -> None:
    """Ask the kernel for a signal when ``parent`` ends; exit at once if it has already ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)
