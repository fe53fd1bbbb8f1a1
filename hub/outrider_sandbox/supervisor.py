"""The process that runs one sandbox: it starts it, keeps its output, ends it and records what happened.

It is no child of the process that asked for it, and outlives it. If it is killed, everything that it started dies
with it. It has one thread and one loop, and blocks in short system calls only."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from . import cgroups, files, linux, spawn
from .outcome import describe
from .output import Log
from .spec import Spec, decode
from .surroundings import Surroundings
from .trees import SetupError, Tree

_CHUNK = 1 << 18
_NOTIFY_S = 0.05
_DRAIN_S = 5.0


def main(folder: str, lock: int) -> NoReturn:
    os.umask(0o077)
    os.set_inheritable(lock, False)
    supervisor = Supervisor(Path(folder))
    try:
        supervisor.run()
    except BaseException:
        spawn.print_error()
        supervisor.finish("error", None, "The supervisor failed; its log says more.")
    os._exit(0)


class Supervisor:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spec: Spec = decode((folder / files.SPEC).read_bytes())
        self._pipe, self._pipe_in = os.pipe()
        self._status: dict[str, Any] = {
            "phase": "starting",
            "boot_id": linux.boot_id(),
            "pid": os.getpid(),
            "created_at": time.time(),
            # Identifies what a killed supervisor can leave behind: see control.remove.
            "output_pipe": os.fstat(self._pipe).st_ino,
        }
        self._file = files.StatusFile(folder)
        self._log: Log | None = None
        self._around = Surroundings(folder, self._spec, self._note)
        self._poll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._notifier = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notifier.setblocking(False)
        self._notified = 0.0
        self._unsaid = False  # output was appended since the last notice
        self._kill_at: float | None = None  # a stop was asked for
        self._killed_late = False
        self._machine_stops = False
        self._wait_status: int | None = None

    def run(self) -> None:
        self._wake = self._open_wake()
        self._log = Log(self._folder / files.LOG)
        self._write_status()
        if (self._folder / files.STOP).exists():
            self.finish("stopped", None, "Stopped before it started.")
            return
        self._catch_signals()
        try:
            tree = self._set_up()
        except (SetupError, OSError) as error:
            self._abandon(str(error))
            return
        self._status.update(child_pid=tree.root_pid, network_ready_at=time.time())
        if (self._folder / files.STOP).exists():
            self._abandon(None)
            return
        # From here on this directory never starts a command again, even after a power failure.
        self._file.sync()
        tree.release()
        self._status.update(phase="running", started_at=time.time())
        self._write_status()
        cgroups.sweep()
        self._check_stop(tree)
        self._loop(tree)
        self._end(tree)

    # ── setting up ────────────────────────────────────────────────────────────────────────────────────────

    def _open_wake(self) -> int:
        path = self._folder / files.WAKE
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        # Open for reading and writing: without a writer, a FIFO always polls as readable.
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def _catch_signals(self) -> None:
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._signals = reader
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, self._machine_stop)

    def _machine_stop(self, *_: object) -> None:
        self._machine_stops = True

    def _set_up(self) -> Tree:
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _CHUNK)
        os.set_blocking(self._pipe, False)
        try:
            return self._around.make(self._pipe_in)
        finally:
            os.close(self._pipe_in)

    def _abandon(self, why: str | None) -> None:
        """Take down what was set up, before the command ran: the setup failed with `why`, or a stop was requested
        (None)."""
        self._around.close()
        said = b""
        with contextlib.suppress(OSError):
            said = os.read(self._pipe, 4096)
        if why is None:
            self.finish("stopped", None, "Stopped before it started.")
        else:
            detail = said.decode(errors="replace").strip()
            self.finish("error", None, f"The sandbox could not be set up: {why}{f': {detail}' if detail else '.'}")

    # ── while the command runs ────────────────────────────────────────────────────────────────────────────

    def _watch(self, fd: int, handler: Callable[[], None]) -> None:
        self._handlers[fd] = handler
        self._poll.register(fd, select.EPOLLIN)

    def _unwatch(self, fd: int) -> None:
        if self._handlers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def _loop(self, tree: Tree) -> None:
        self._watch(self._pipe, self._copy_output)
        self._watch(self._signals, lambda: self._on_signal(tree))
        self._watch(self._wake, lambda: self._on_wake(tree))
        self._watch_relay()
        look_s = self._around.memory_look_s
        next_look = time.monotonic() + (look_s or 0)
        self._reap(tree)
        while self._wait_status is None:
            now = time.monotonic()
            due = [self._kill_at, next_look if look_s else None]
            due.append(self._notified + _NOTIFY_S if self._unsaid else None)
            waits = [moment - now for moment in due if moment is not None]
            for fd, _ in self._poll.poll(max(0.0, min(waits)) if waits else None):
                if fd in self._handlers:
                    self._handlers[fd]()
            now = time.monotonic()
            if self._unsaid and now >= self._notified + _NOTIFY_S:
                self._notified, self._unsaid = now, False
                self._notify(b"log")
            if self._kill_at is not None and now >= self._kill_at:
                self._killed_late = True
                tree.kill()
                self._kill_at = now + 1.0  # again, if something survived
            if look_s and now >= next_look:
                self._around.look_at_memory(tree)
                next_look = time.monotonic() + look_s

    def _copy_output(self) -> None:
        try:
            data = os.read(self._pipe, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._unwatch(self._pipe)
            return
        self._append(data)

    def _append(self, data: bytes) -> None:
        if self._log is not None:
            self._log.append(data)
            self._unsaid = True

    def _note(self, text: str) -> None:
        if self._log is not None:
            self._log.note(text)

    def _on_signal(self, tree: Tree) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._signals, 4096)
        if self._machine_stops and self._kill_at is None:
            self._begin_stop(tree, self._spec.grace_s)
        self._reap(tree)

    def _on_wake(self, tree: Tree) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)
        self._check_stop(tree)

    def _check_stop(self, tree: Tree) -> None:
        asked = files.read_json(self._folder / files.STOP)
        if asked is None:
            return
        self._machine_stops = False
        grace = asked.get("grace_s")
        self._begin_stop(tree, self._spec.grace_s if grace is None else float(grace))

    def _begin_stop(self, tree: Tree, grace: float) -> None:
        until = time.monotonic() + max(0.0, grace)
        if self._kill_at is None:
            self._kill_at = until
            tree.terminate()
        else:
            self._kill_at = min(self._kill_at, until)

    def _watch_relay(self) -> None:
        if self._around.relay is not None:
            self._watch(self._around.relay.channel.fileno(), self._on_relay)

    def _on_relay(self) -> None:
        assert self._around.relay is not None
        if not self._around.relay.serve():
            self._unwatch(self._around.relay.channel.fileno())
            if self._around.restart_relay():
                self._watch_relay()

    def _reap(self, tree: Tree) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == tree.main_pid:
                tree.main_pid = 0
                self._wait_status = status
            else:
                self._around.reaped(pid)

    # ── the end ───────────────────────────────────────────────────────────────────────────────────────────

    def _end(self, tree: Tree) -> None:
        assert self._wait_status is not None
        tree.kill()
        self._drain()
        code = tree.exit_code(self._wait_status)
        reason, message = describe(
            code,
            oom=self._around.out_of_memory(),
            stopped=self._kill_at is not None,
            machine_stopped=self._machine_stops,
            killed_late=self._killed_late,
            limit=self._spec.memory_bytes,
            said=self._last_words() if code is None else "",
        )
        self.finish(reason, code, message)

    def _drain(self) -> None:
        """Copy the rest of the pipe to the log. Its writers are being killed, so it ends soon."""
        deadline = time.monotonic() + _DRAIN_S
        os.set_blocking(self._pipe, False)
        while (left := deadline - time.monotonic()) > 0:
            select.select([self._pipe], [], [], left)
            try:
                data = os.read(self._pipe, _CHUNK)
            except BlockingIOError:
                continue
            if not data:
                return
            self._append(data)

    def _last_words(self) -> str:
        with contextlib.suppress(OSError), (self._folder / files.LOG).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 2000))
            lines = file.read().decode(errors="replace").splitlines()
            return lines[-1].partition(" ")[2] if lines else ""
        return ""

    def finish(self, reason: str, code: int | None, message: str | None) -> None:
        """Take everything down, then record the end. Nothing cleans up after that."""
        self._around.close()
        if self._log is not None:
            with contextlib.suppress(OSError):
                self._log.close()
        self._status.update(
            phase="exited",
            finished_at=time.time(),
            exit_code=code,
            signal=code - 128 if code is not None and 128 < code <= 192 else None,
            reason=reason,
            message=(message or "")[:1500] or None,
        )
        self._record_end()
        if self._unsaid:
            self._notify(b"log")
        self._notify(b"state")

    def _record_end(self) -> None:
        pause = 0.1
        while True:
            try:
                return self._file.finish(self._status)
            except FileNotFoundError:
                return None  # the directory was removed
            except OSError:
                spawn.print_error()
                time.sleep(pause)  # no room on the disk; an unrecorded end would be worse than a wait
                pause = min(10.0, pause * 2)

    # ── telling others ────────────────────────────────────────────────────────────────────────────────────

    def _write_status(self) -> None:
        try:
            self._file.write(self._status)
        except OSError:
            if self._status["phase"] == "starting":
                raise  # without a record, the command could be started twice
        self._notify(b"state")

    def _notify(self, what: bytes) -> None:
        if not self._spec.notify:
            return
        with contextlib.suppress(OSError), linux.short_path(Path(self._spec.notify)) as path:
            self._notifier.sendto(what + b" " + self._spec.id.encode(), path)
