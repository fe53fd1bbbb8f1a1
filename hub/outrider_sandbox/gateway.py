"""The process that is a sandbox's web access.

It listens in the sandbox's network namespace and stays in the host's itself, so names are resolved and connections
are made as any other program here makes them. It ends when its supervisor does.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import NoReturn

from . import linux, network, spawn
from .spec import Spec
from .web import PORT


class Gateway:
    """The supervisor's side. Raises OSError where the sandbox's network cannot be joined."""

    def __init__(self, spec: Spec, namespaces: network.Namespaces) -> None:
        supervisor = os.getpid()
        with network.listen_inside(namespaces, PORT) as listener:
            self.pid = os.fork()
            if self.pid == 0:
                _run(spec, listener, supervisor)


def _run(spec: Spec, listener: socket.socket, supervisor: int) -> NoReturn:
    try:
        spawn.default_signals()
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        spawn.close_all_but([listener.fileno()])
        linux.die_with_parent(signal.SIGKILL)
        if os.getppid() == supervisor:
            from . import webproxy  # all of asyncio, which nobody else here needs; clients wait in the backlog

            webproxy.run(listener, spec)
    except BaseException:
        spawn.print_error()
    finally:
        os._exit(1)
