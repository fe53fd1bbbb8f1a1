"""Outrider's client: submit jobs to an Outrider platform and follow them, from Python or the command line.

    import outrider
    job = outrider.Client().jobs.create(args=["python", "train.py"])
    for line in job.logs(follow=True):
        print(line.text)

Importing this package loads nothing else, because the runner inside every job is part of it and must start fast: each
public name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .version import VERSION as __version__

if TYPE_CHECKING:
    from .client import Client
    from .errors import (
        Conflict,
        Forbidden,
        InvalidRequest,
        JobFailed,
        LimitReached,
        NotFound,
        NotLoggedIn,
        OutriderError,
        ServerError,
        TooLarge,
        Unauthorized,
        Unreachable,
        WaitTimeout,
        WorkspaceError,
    )
    from .jobs import Job

_HOMES = {"Client": "client", "Job": "jobs"}

__all__ = [
    "Client",
    "Conflict",
    "Forbidden",
    "InvalidRequest",
    "Job",
    "JobFailed",
    "LimitReached",
    "NotFound",
    "NotLoggedIn",
    "OutriderError",
    "ServerError",
    "TooLarge",
    "Unauthorized",
    "Unreachable",
    "WaitTimeout",
    "WorkspaceError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'outrider' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES.get(name, 'errors')}", __name__), name)
