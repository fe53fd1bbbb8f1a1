"""The two kinds of process tree that a supervisor can run: in a bubblewrap sandbox, or plain.

Both start in two steps: `__init__` prepares everything, `release` starts the command. Both die with the supervisor, and
leave nothing behind after `kill`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import stat
import time
from pathlib import Path
from typing import NoReturn, Protocol

from . import bubblewrap, linux, processes, rlimits, spawn
from .cgroups import Cgroup
from .spec import Mount, Spec

_SETUP_S = 60.0
_GLANCE_S = 0.0005
# The kernel's out-of-memory killer should take a job before it takes the process that watches it.
_OOM_SCORE = "300"


class SetupError(Exception):
    """The sandbox could not be set up; the command has not run."""


class Tree(Protocol):
    main_pid: int  # the child process that ends with the command; 0 once it was reaped
    root_pid: int  # the process that all others descend from

    def release(self) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    def exit_code(self, wait_status: int) -> int | None: ...


def _prepare(cgroup: Cgroup | None) -> None:
    os.umask(0o022)  # the supervisor's own is stricter
    rlimits.limit_files()
    if cgroup is not None:
        cgroup.join()
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)


def become_bwrap(spec: Spec, etc: str, cgroup: Cgroup | None = None) -> None:
    """Prepare the process that is about to execute bwrap. Raises OSError."""
    _prepare(cgroup)
    if spec.uid is not None:
        from . import staging  # and with it ctypes, which others need not load

        if stat.S_ISFIFO(os.fstat(1).st_mode):  # whoever opens /dev/stdout inside must own the pipe
            os.fchown(1, spec.uid, spec.uid)
        staging.become(spec.uid, bubblewrap.to_stage(spec, etc))


class StatusPipe:
    """JSON lines from the process that starts the command: first its pid, last its exit code."""

    def __init__(self) -> None:
        self._read, self.write = os.pipe()
        self._data = b""

    def close_write(self) -> None:
        os.close(self.write)
        self.write = -1

    def close(self) -> None:
        os.close(self._read)
        if self.write >= 0:
            os.close(self.write)

    def first(self) -> dict[str, int] | None:
        """The first line, or None if the process ended without one. Raises SetupError after a minute."""
        deadline = time.monotonic() + _SETUP_S
        while b"}" not in self._data:
            readable, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            if not readable:
                raise SetupError(f"the sandbox was not there after {_SETUP_S:.0f} s")
            data = os.read(self._read, 4096)
            if not data:
                return None
            self._data += data
        value: dict[str, int] = json.JSONDecoder().raw_decode(self._data.decode())[0]
        return value

    def exit_code(self) -> int | None:
        os.set_blocking(self._read, False)
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._read, 4096):
                self._data += data
        decoder, text = json.JSONDecoder(), self._data.decode().strip()
        while text:
            value, end = decoder.raw_decode(text)
            if "exit-code" in value:
                return int(value["exit-code"])
            text = text[end:].strip()
        return None


def wait_until_made(status: StatusPipe) -> tuple[int, int]:
    """Wait until bwrap has made the sandbox, which is when pid 1 inside has a child. Returns pid 1's pid out here, and
    a pidfd. Nothing may join the network namespace earlier: bwrap fails if somebody else touches the loopback. Raises
    SetupError."""
    gone = "bwrap could not make the sandbox"
    first = status.first()
    if first is None:
        raise SetupError(gone)
    root = first["child-pid"]
    try:
        pidfd = os.pidfd_open(root)
    except ProcessLookupError as error:
        raise SetupError(gone) from error
    deadline = time.monotonic() + _SETUP_S
    while not processes.children(root):
        ended = bool(select.select([pidfd], [], [], _GLANCE_S)[0])
        if ended or time.monotonic() > deadline:
            os.close(pidfd)
            raise SetupError(gone if ended else f"bwrap was not done after {_SETUP_S:.0f} s")
    return root, pidfd


class BubblewrapTree:
    def __init__(self, spec: Spec, etc: str, output: int, cgroup: Cgroup | None) -> None:
        self._status = StatusPipe()
        closed, self._gate = os.pipe()
        mount = Mount(str(cgroup.path), cgroup.inside) if cgroup else None
        with bubblewrap.command_line(spec, etc, self._status.write, mount) as (words, descriptors):
            self.main_pid = spawn.start(
                words, stdin=closed, output=output, keep=descriptors, before=lambda: become_bwrap(spec, etc, cgroup)
            )
        os.close(closed)
        self._status.close_write()
        try:
            self.root_pid, self._root = wait_until_made(self._status)
        except SetupError:
            processes.send(self.main_pid, signal.SIGKILL)
            raise

    def release(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # bwrap failed meanwhile; its exit code says so
            os.write(self._gate, b"\n")
        os.close(self._gate)

    def terminate(self) -> None:
        # Pid 1's first child is the command.
        if below := processes.children(self.root_pid):
            processes.send(below[0], signal.SIGTERM)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._root, signal.SIGKILL)  # pid 1: the kernel kills the whole namespace
        if self.main_pid:
            processes.send(self.main_pid, signal.SIGKILL)

    def exit_code(self, wait_status: int) -> int | None:
        code = os.waitstatus_to_exitcode(wait_status)
        return 128 - code if code < 0 else self._status.exit_code()


class PlainTree:
    """Without bwrap, a keeper process does what pid 1 would: it adopts orphans, and kills them when the command
    ends."""

    def __init__(self, spec: Spec, output: int, cgroup: Cgroup | None) -> None:
        self._status = StatusPipe()
        self._gate_read, self._gate = os.pipe()
        supervisor = os.getpid()
        self.main_pid = os.fork()
        if self.main_pid == 0:
            self._keep(spec, output, cgroup, supervisor)
        os.close(self._gate_read)
        self._status.close_write()
        self.root_pid = self.main_pid

    def _keep(self, spec: Spec, output: int, cgroup: Cgroup | None, supervisor: int) -> NoReturn:
        """Run the keeper, in a process of its own. SIGTERM, which the kernel also sends when the supervisor dies, kills
        everything; SIGUSR1 sends SIGTERM to the command."""
        code = 126
        try:
            spawn.default_signals()
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            spawn.close_all_but([output, self._gate_read, self._status.write])
            linux.adopt_orphans()
            signals = {signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD}
            signal.pthread_sigmask(signal.SIG_BLOCK, signals)
            linux.die_with_parent(signal.SIGTERM)
            _prepare(cgroup)
            if os.getppid() == supervisor and os.read(self._gate_read, 1):
                os.close(self._gate_read)
                code = self._watch(spec, output, signals)
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode(errors="replace"))
        finally:
            processes.kill_descendants(os.getpid())
            os._exit(code)

    def _watch(self, spec: Spec, output: int, signals: set[signal.Signals]) -> int:
        def before() -> None:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
            os.setpgid(0, 0)
            linux.die_with_parent(signal.SIGKILL)

        command = spawn.start(spec.argv, env=spec.env, cwd=spec.cwd, output=output, before=before)
        while True:
            received = signal.sigwait(signals)
            if received == signal.SIGTERM:
                return 128 + signal.SIGKILL
            if received == signal.SIGUSR1:
                processes.send(command, signal.SIGTERM)
                continue
            with contextlib.suppress(ChildProcessError):
                while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                    if ended[0] == command:
                        code = os.waitstatus_to_exitcode(ended[1])
                        code = 128 - code if code < 0 else code
                        os.write(self._status.write, json.dumps({"exit-code": code}).encode())
                        return code

    def release(self) -> None:
        os.write(self._gate, b"x")
        os.close(self._gate)

    def terminate(self) -> None:
        if self.main_pid:
            processes.send(self.main_pid, signal.SIGUSR1)

    def kill(self) -> None:
        if not self.main_pid:
            return
        processes.send(self.main_pid, signal.SIGTERM)
        deadline = time.monotonic() + 2.0
        while processes.children(self.main_pid) and time.monotonic() < deadline:
            time.sleep(0.005)
        processes.kill_descendants(self.main_pid)

    def exit_code(self, wait_status: int) -> int | None:
        code = os.waitstatus_to_exitcode(wait_status)
        return 128 - code if code < 0 else self._status.exit_code() or code
