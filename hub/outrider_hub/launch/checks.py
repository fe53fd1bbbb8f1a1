"""Preconditions of the Hub's start: one Hub per state directory, free ports, installed programs.

Each check raises StartError with a message that says what to do. May remove the proxy's pid file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from ..settings import Settings

FREE_PORTS_WAIT_S = 10.0
LOOK_S = 0.2


class StartError(RuntimeError):
    """The platform cannot start; the message is for the terminal."""


def take_lock(settings: Settings) -> int:
    """An inheritable descriptor that locks the state directory until all its copies are closed.

    The Hub inherits it, so the lock lasts as long as the Hub, whatever happens to the launcher.
    """
    path = settings.home / "run" / "hub.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + FREE_PORTS_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # A Hub that is being stopped needs a moment.
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise StartError(
                    f"Outrider is already running with the state in {settings.home} (see {path}). "
                    "Stop it first, or set OUTRIDER_HOME to another directory."
                ) from None
            time.sleep(LOOK_S)
        else:
            os.set_inheritable(descriptor, True)
            return descriptor


def end_stale_proxy(settings: Settings) -> None:
    """End the proxy that a killed Hub left behind, and forget a pid that now belongs to another process.

    JupyterHub itself would kill whatever process has the pid in the file.
    """
    path = settings.home / "run" / "proxy.pid"
    try:
        pid = int(path.read_text())
    except (FileNotFoundError, ValueError):
        path.unlink(missing_ok=True)
        return
    deadline = time.monotonic() + FREE_PORTS_WAIT_S
    with contextlib.suppress(ProcessLookupError, PermissionError):
        while _is_proxy(pid):
            os.kill(pid, signal.SIGTERM if time.monotonic() < deadline - 5 else signal.SIGKILL)
            if time.monotonic() > deadline:
                raise StartError(f"The old proxy (process {pid}) does not stop. Kill it by hand.")
            time.sleep(LOOK_S)
    path.unlink(missing_ok=True)


def _is_proxy(pid: int) -> bool:
    try:
        return b"configurable-http-proxy" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def ports_free(ports: Mapping[str, int], wait_s: float = FREE_PORTS_WAIT_S) -> None:
    """Check that all ports are free; a program that has just been stopped may take a moment to release them."""
    deadline = time.monotonic() + wait_s
    while taken := [(what, port) for what, port in ports.items() if not _free(port)]:
        if time.monotonic() > deadline:
            what, port = taken[0]
            first = min(ports.values())
            raise StartError(
                f"Port {port} ({what}) is in use by another program. Outrider needs the ports {first} to "
                f"{first + len(ports) - 1}: stop that program, or choose others with `make run PORT=…`."
            )
        time.sleep(LOOK_S)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def files_present(settings: Settings) -> None:
    for what, path in (("proxy", settings.proxy_command), ("catalog", settings.catalog)):
        if not path.exists():
            raise StartError(f"The {what} is missing at {path}. Run `make run` in the repository to install it.")
