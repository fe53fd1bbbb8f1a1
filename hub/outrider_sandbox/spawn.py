"""Start a process from a small single-threaded one by fork and exec. It inherits only the descriptors that are
named."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

_BASIC_ENV = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}


def start(
    argv: Sequence[str],
    *,
    env: dict[str, str] | None = None,
    cwd: str | None = None,
    stdin: int | None = None,
    output: int | None = None,
    keep: Sequence[int] = (),
    before: Callable[[], None] | None = None,
) -> int:
    """The pid of a new process. stdin is /dev/null unless given; `output` becomes stdout and stderr; the
    descriptors in `keep` stay open under their own numbers; `before` runs in the new process."""
    pid = os.fork()
    if pid:
        return pid
    try:
        default_signals()
        if output is not None:  # first, so that later errors are in the output
            os.dup2(output, 1)
            os.dup2(output, 2)
        if before is not None:
            before()
        if stdin is not None:
            os.dup2(stdin, 0)
        for fd in keep:
            os.set_inheritable(fd, True)
        if cwd is not None:
            os.chdir(cwd)
        environment = _BASIC_ENV if env is None else env
        os.execvpe(argv[0], list(argv), environment)  # noqa: S606
    except BaseException as error:
        named = error.filename if isinstance(error, OSError) else None
        fail(f"{named or argv[0]}: {error.strerror if isinstance(error, OSError) else error}", error)


def fail(text: str, error: BaseException) -> NoReturn:
    """End a forked process with a shell's exit codes: 127 if the command does not exist, 126 if it cannot be run."""
    os.write(2, f"{text}\n".encode(errors="replace"))
    os._exit(127 if isinstance(error, (FileNotFoundError, NotADirectoryError)) else 126)


def default_signals() -> None:
    """Reset signals that Python or the supervisor changed: ignored signals stay ignored after exec."""
    signal.set_wakeup_fd(-1)
    for signum in (
        signal.SIGPIPE,
        signal.SIGXFSZ,
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGCHLD,
    ):
        signal.signal(signum, signal.SIG_DFL)


def close_all_but(keep: Sequence[int]) -> None:
    """In a forked process that does not exec: close all other descriptors above stderr."""
    sys.stdout.flush()
    low = 3
    for fd in sorted(keep):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def print_error() -> None:
    import traceback  # seldom needed, and slow to load

    traceback.print_exc()
