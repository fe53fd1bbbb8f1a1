"""The process of a sandbox's web proxy.

Its listener is in the sandbox's network namespace, the process itself in the host's: it resolves names and connects
like any other program on this machine. It ends with its supervisor.
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
    """The supervisor's handle on the proxy. Raises OSError if the sandbox's network cannot be joined."""

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
            from . import webproxy  # it loads asyncio, which takes time; clients wait in the backlog

            webproxy.run(listener, spec)
    except BaseException:
        spawn.print_error()
    finally:
        os._exit(1)
