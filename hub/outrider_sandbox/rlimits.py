"""Limits that every process has for itself, or its user in a namespace: setrlimit(2)."""

from __future__ import annotations

import os
import resource
from typing import Final

from . import linux, processes, spawn

OPEN_FILES: Final = 65536
"""For each process. Container runtimes often leave a million, of which a few processes use up the machine's."""
_COUNTED_BY_NAMESPACE = (5, 14)


def limit_files() -> None:
    """For the calling process and all that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, most) if soft != resource.RLIM_INFINITY else most, most))


def limit_processes(root: int, most: int) -> bool:
    """For a sandbox that waits for its release, whose pid 1 is `root`: the number of its processes and threads. Whether
    it is kept: the kernel counts by user namespace since 5.14, before that whatever the user runs on the whole machine;
    and it counts nothing of root's."""
    if kernel_version() < _COUNTED_BY_NAMESPACE:
        return False
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            # Owning the namespace is the power to set limits in it, which root in a container may lack elsewhere.
            namespace = os.open(f"/proc/{root}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
            linux.setns(namespace, linux.CLONE_NEWUSER)
            for process in (root, *processes.descendants(root)):
                resource.prlimit(process, resource.RLIMIT_NPROC, (most, most))
            code = 0
        except BaseException:
            spawn.print_error()
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0


def kernel_version() -> tuple[int, int]:
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(digit for digit in minor if digit.isdigit()) or 0)
