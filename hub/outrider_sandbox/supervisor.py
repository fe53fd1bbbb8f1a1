"""The process that holds one sandbox: starts it, keeps its output, ends it, and writes down what happened.

It belongs to nobody, so it outlives whoever asked for it; when it is killed itself, everything that it
started dies with it. One thread, one loop, blocking nowhere but in short system calls."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from . import bubblewrap, cgroups, files, linux, network, processes, relay, spawn
from .outcome import describe
from .output import Log
from .spec import Spec, decode
from .trees import BubblewrapTree, PlainTree, SetupError, Tree

_CHUNK = 1 << 18
_NOTIFY_S = 0.05
_SAMPLE_S = 0.5
_OOM_LOOK_S = 1.0
_DRAIN_S = 5.0
_HELPER_RESTARTS = 5


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
            # By this, what a killed supervisor could leave behind is known: see control.remove.
            "output_pipe": os.fstat(self._pipe).st_ino,
        }
        self._file = files.StatusFile(folder)
        self._tree: Tree | None = None
        self._cgroup: cgroups.Cgroup | None = None
        self._namespaces: network.Namespaces | None = None
        self._slirp: network.Slirp | None = None
        self._relay: relay.Relay | None = None
        self._restarts = 0
        self._poll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._notifier = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notifier.setblocking(False)
        self._notified = 0.0
        self._unsaid = False  # something was appended since the last notice
        self._kill_at: float | None = None  # a stop was asked for
        self._killed_late = False
        self._machine_stops = False
        self._sampled_oom = False
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
            self._set_up()
        except (SetupError, OSError) as error:
            self._abandon(str(error))
            return
        if (self._folder / files.STOP).exists():
            self._abandon(None)
            return
        assert self._tree is not None
        # From here on this directory never starts anything again, whatever happens, a power failure included.
        self._file.sync()
        self._tree.release()
        self._status.update(phase="running", started_at=time.time())
        self._write_status()
        cgroups.sweep()
        self._check_stop()
        self._loop()
        self._end()

    # ── setting up ────────────────────────────────────────────────────────────────────────────────────────

    def _open_wake(self) -> int:
        path = self._folder / files.WAKE
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        # Open for both: a FIFO without writers would be readable all the time.
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

    def _set_up(self) -> None:
        spec = self._spec
        (self._folder / files.PORTS).mkdir(mode=0o700, exist_ok=True)
        if spec.memory_bytes:
            self._cgroup = cgroups.create(spec.id, spec.memory_bytes, kill_all=spec.oom_kills_all)
        with contextlib.suppress(OSError):
            import fcntl

            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _CHUNK)
        os.set_blocking(self._pipe, False)
        try:
            if spec.isolation == "bubblewrap":
                self._tree = BubblewrapTree(spec, self._write_etc(), self._pipe_in, self._cgroup)
                self._namespaces = network.open_namespaces(self._tree.root_pid)
            else:
                linux.adopt_orphans()
                self._tree = PlainTree(spec, self._pipe_in, self._cgroup)
        finally:
            os.close(self._pipe_in)
        self._status["child_pid"] = self._tree.root_pid
        if spec.network and self._namespaces is not None:
            self._slirp = network.Slirp(self._namespaces)
        if relay.needed(spec):
            self._relay = relay.Relay(self._folder, spec, self._namespaces)
            self._relay.wait_until_ready()
        if self._slirp is not None:
            self._slirp.wait_until_ready()
        self._status["network_ready_at"] = time.time()

    def _write_etc(self) -> str:
        etc = self._folder / files.ETC
        etc.mkdir(exist_ok=True)
        etc.chmod(0o755)
        for name, text in bubblewrap.etc_files(self._spec).items():
            (etc / name).write_text(text)
            (etc / name).chmod(0o644)
        return str(etc)

    def _abandon(self, why: str | None) -> None:
        """End what was set up before the command could start: it failed, or a stop was asked for
        meanwhile."""
        if self._tree is not None:
            self._tree.kill()
        said = b""
        if self._tree is None:
            select.select([self._pipe], [], [], 1.0)
        with contextlib.suppress(OSError):
            os.set_blocking(self._pipe, False)
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

    def _loop(self) -> None:
        self._watch(self._pipe, self._copy_output)
        self._watch(self._signals, self._on_signal)
        self._watch(self._wake, self._on_wake)
        if self._relay is not None:
            self._watch(self._relay.channel.fileno(), self._on_relay)
        looks_for_memory = self._memory_look_s()
        next_look = time.monotonic() + (looks_for_memory or 0)
        self._reap()
        while self._wait_status is None:
            now = time.monotonic()
            due = [self._kill_at, next_look if looks_for_memory else None]
            due.append(self._notified + _NOTIFY_S if self._unsaid else None)
            waits = [moment - now for moment in due if moment is not None]
            for fd, _ in self._poll.poll(max(0.0, min(waits)) if waits else None):
                if fd in self._handlers:
                    self._handlers[fd]()
            now = time.monotonic()
            if self._unsaid and now >= self._notified + _NOTIFY_S:
                self._notify_log(now)
            if self._kill_at is not None and now >= self._kill_at:
                self._kill_late(now)
            if looks_for_memory and now >= next_look:
                self._look_at_memory()
                next_look = time.monotonic() + looks_for_memory

    def _copy_output(self) -> None:
        try:
            data = os.read(self._pipe, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._unwatch(self._pipe)
            return
        self._log.append(data)
        self._unsaid = True

    def _on_signal(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._signals, 4096)
        if self._machine_stops and self._kill_at is None:
            self._begin_stop(self._spec.grace_s)
        self._reap()

    def _on_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)
        self._check_stop()

    def _check_stop(self) -> None:
        asked = files.read_json(self._folder / files.STOP)
        if asked is None:
            return
        self._machine_stops = False
        grace = asked.get("grace_s")
        self._begin_stop(self._spec.grace_s if grace is None else float(grace))

    def _begin_stop(self, grace: float) -> None:
        assert self._tree is not None
        until = time.monotonic() + max(0.0, grace)
        if self._kill_at is None:
            self._kill_at = until
            self._tree.terminate()
        else:
            self._kill_at = min(self._kill_at, until)

    def _kill_late(self, now: float) -> None:
        assert self._tree is not None
        self._killed_late = True
        self._tree.kill()
        self._kill_at = now + 1.0  # again, should it have got away

    def _on_relay(self) -> None:
        assert self._relay is not None
        if self._relay.serve():
            return
        self._unwatch(self._relay.channel.fileno())
        self._relay.close()
        self._relay = None
        if self._may_restart("the relay for ports"):
            with contextlib.suppress(OSError):
                self._relay = relay.Relay(self._folder, self._spec, self._namespaces)
                self._relay.wait_until_ready()
                self._watch(self._relay.channel.fileno(), self._on_relay)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._tree is not None and pid == self._tree.main_pid:
                self._wait_status = status
            elif self._slirp is not None and pid == self._slirp.pid:
                self._restart_slirp()

    def _restart_slirp(self) -> None:
        assert self._slirp is not None
        assert self._namespaces is not None
        self._slirp.close()
        self._slirp = None
        alive = self._tree is not None and processes.start_time(self._tree.root_pid) is not None
        if alive and self._wait_status is None and self._may_restart("the network helper"):
            with contextlib.suppress(OSError):
                self._slirp = network.Slirp(self._namespaces)
                self._slirp.wait_until_ready()

    def _may_restart(self, what: str) -> bool:
        self._restarts += 1
        if self._restarts > _HELPER_RESTARTS:
            self._log.note(f"{what} keeps ending; it is not started again")
            return False
        return True

    # ── memory ────────────────────────────────────────────────────────────────────────────────────────────

    def _memory_look_s(self) -> float | None:
        if not self._spec.memory_bytes:
            return None
        if self._cgroup is None:
            return _SAMPLE_S
        return _OOM_LOOK_S if self._cgroup.version == 1 and self._spec.oom_kills_all else None

    def _look_at_memory(self) -> None:
        assert self._tree is not None
        limit = self._spec.memory_bytes or 0
        if self._cgroup is not None:
            if self._cgroup.oom_kills():
                self._tree.kill()
            return
        root = self._tree.root_pid
        folders = bubblewrap.tmpfs_folders(self._spec) if self._spec.isolation == "bubblewrap" else ()
        if processes.resident(root, folders) > limit and processes.memory(root, folders) > limit:
            self._sampled_oom = True
            if self._spec.oom_kills_all or not processes.kill_largest(root):
                self._tree.kill()

    # ── the end ───────────────────────────────────────────────────────────────────────────────────────────

    def _end(self) -> None:
        assert self._tree is not None
        assert self._wait_status is not None
        self._tree.kill()
        self._drain()
        code = self._tree.exit_code(self._wait_status)
        oom = self._sampled_oom or (self._cgroup is not None and self._cgroup.oom_kills() > 0)
        said = self._last_words() if code is None else ""
        reason, message = describe(
            code,
            oom=oom,
            stopped=self._kill_at is not None,
            machine_stopped=self._machine_stops,
            killed_late=self._killed_late,
            limit=self._spec.memory_bytes,
            said=said,
        )
        self.finish(reason, code, message)

    def _drain(self) -> None:
        """What is in the pipe belongs to the log. Its writers are being killed, so its end comes soon."""
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
            self._log.append(data)

    def _last_words(self) -> str:
        with contextlib.suppress(OSError), (self._folder / files.LOG).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 2000))
            lines = file.read().decode(errors="replace").splitlines()
            return lines[-1].partition(" ")[2] if lines else ""
        return ""

    def finish(self, reason: str, code: int | None, message: str | None) -> None:
        """Leave nothing behind, then write down the end: after that, nobody looks here again."""
        if self._slirp is not None:
            self._slirp.close()
        if self._relay is not None:
            self._relay.close()
            with contextlib.suppress(ChildProcessError):
                processes.send(self._relay.pid, signal.SIGKILL)
                os.waitpid(self._relay.pid, 0)
        if self._spec.isolation == "plain":
            processes.kill_descendants(os.getpid())
        if hasattr(self, "_log"):
            with contextlib.suppress(OSError):
                self._log.close()
        if self._cgroup is not None:
            deadline = time.monotonic() + 2.0
            while not self._cgroup.remove() and time.monotonic() < deadline:
                time.sleep(0.01)
        self._status.update(
            phase="exited",
            finished_at=time.time(),
            exit_code=code,
            signal=code - 128 if code is not None and 128 < code <= 192 else None,
            reason=reason,
            message=(message or "")[:1500] or None,
        )
        self._record_end()
        self._notify(b"state")

    def _record_end(self) -> None:
        pause = 0.1
        while True:
            try:
                return self._file.finish(self._status)
            except FileNotFoundError:
                return None  # the directory was taken away
            except OSError:
                spawn.print_error()
                time.sleep(pause)  # no room: an end that nobody learns of would be worse than a wait
                pause = min(10.0, pause * 2)

    # ── telling others ────────────────────────────────────────────────────────────────────────────────────

    def _write_status(self) -> None:
        try:
            self._file.write(self._status)
        except OSError:
            if self._status["phase"] == "starting":
                raise  # without a record this must not go on: it could be started twice
        self._notify(b"state")

    def _notify_log(self, now: float) -> None:
        self._notified, self._unsaid = now, False
        self._notify(b"log")

    def _notify(self, what: bytes) -> None:
        if not self._spec.notify:
            return
        with contextlib.suppress(OSError), linux.short_path(Path(self._spec.notify)) as path:
            self._notifier.sendto(what + b" " + self._spec.id.encode(), path)
