"""The real service with one point at which it kills itself, the n-th time it gets there: ``FAULT=point:n``.

Points are "before" or "after" a call of the platform's, or of the database's, as in "after-start:1". The count is
kept in a file, so that the next life passes the point.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import outrider_sandbox as sandbox
from outrider_service.__main__ import main
from outrider_service.backends.kubernetes.api import KubernetesApi
from outrider_service.backends.local.backend import LocalBackend
from outrider_service.jobs import scheduler
from outrider_service.jobs.reconciler import Reconciler
from outrider_service.jobs.transitions import Transitions
from outrider_service.telemetry.journal import Journal

POINTS: dict[str, tuple[Any, str]] = {
    "schedule": (scheduler.Scheduler, "run"),
    "start": (LocalBackend, "start"),
    "launch": (sandbox, "launch"),
    "running": (Transitions, "running"),
    "stopping": (Transitions, "stopping"),
    "stop": (LocalBackend, "stop"),
    "ended": (Transitions, "ended"),
    "remove": (LocalBackend, "remove"),
    "clean": (Reconciler, "_clean_up"),
    "delete": (Reconciler, "_delete"),
    "append": (Journal, "append"),
    "save": (Journal, "save"),
    "complete": (Journal, "mark_complete"),
    "creation": (KubernetesApi, "create"),
    "patching": (KubernetesApi, "patch"),
    "deletion": (KubernetesApi, "delete"),
}


def die_once(counter: Path, at: int) -> None:
    count = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(count))
    if count == at:
        os.kill(os.getpid(), signal.SIGKILL)


def arm(fault: str, counter: Path) -> None:
    name, _, number = fault.partition(":")
    moment, _, point = name.partition("-")
    owner, attribute = POINTS[point]
    real: Callable[..., Any] = getattr(owner, attribute)
    import inspect

    if inspect.iscoroutinefunction(real):

        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            if moment == "before":
                die_once(counter, int(number))
            result = await real(*args, **kwargs)
            if moment == "after":
                die_once(counter, int(number))
            return result

    else:

        def wrapped(*args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]
            if moment == "before":
                die_once(counter, int(number))
            result = real(*args, **kwargs)
            if moment == "after":
                die_once(counter, int(number))
            return result

    setattr(owner, attribute, wrapped)


if fault := os.environ.get("FAULT"):
    arm(fault, Path(os.environ["OUTRIDER_HOME"]) / "fault.count")
main()
