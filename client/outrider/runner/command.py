"""The user's command as a child process: its output, its signals, its end.

One thread waits for output, for records of the notebook executor, and for the end. Signals are passed on in
the handler itself, so they get through even while a write to stdout blocks."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from .git import Answer
from .lines import LineFilter
from .records import Output

RECORDS_FD = "OUTRIDER_RECORDS_FD"
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
FORWARDED = (*_ENDING, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT)
_CHUNK = 1 << 18
_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031
_RECORD_KINDS = ("progress",)


class Children:
    """At most one child at a time, which gets the signals that this process gets."""

    def __init__(self, output: Output, grace_s: float) -> None:
        self._output = output
        self._grace_s = grace_s
        self._pid: Optional[int] = None
        self._asked_to_end = False
        self.kill_at: Optional[float] = None

    def catch_signals(self) -> None:
        for signum in FORWARDED:
            signal.signal(signum, self._forward)
        reader, writer = os.pipe()
        for fd in (reader, writer):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._wakeups = reader

    def _forward(self, signum: int, _frame: object) -> None:
        if signum in _ENDING:
            self._asked_to_end = True
            if self.kill_at is None:
                # A little before whoever sent the signal would end everything, this process included.
                self.kill_at = time.monotonic() + max(0.8 * self._grace_s, self._grace_s - 1.0)
        if self._pid is not None:
            self._kill(signum)
        elif self._asked_to_end:
            raise SystemExit(128 + signum)

    def _kill(self, signum: int) -> None:
        try:
            os.killpg(self._pid or 0, signum)
        except (ProcessLookupError, PermissionError):
            pass

    def run_quietly(self, words: Sequence[str], env: Dict[str, str], timeout_s: float) -> Answer:
        """A helper such as git: its exit code and the end of what it said."""
        try:
            process = subprocess.Popen(
                list(words),
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except FileNotFoundError:
            return Answer(127, f"{words[0]}: not found")
        self._pid = process.pid
        try:
            said, _ = process.communicate(timeout=timeout_s)
            code = process.returncode
        except subprocess.TimeoutExpired:
            self._kill(signal.SIGKILL)
            said, _ = process.communicate()
            return Answer(1, f"fatal: no end after {timeout_s:.0f} s")
        finally:
            self._pid = None
        if self._asked_to_end:
            raise SystemExit(143)
        return Answer(code, said[-20_000:].decode("utf-8", "replace"))

    def run(self, words: List[str], cwd: str, env: Dict[str, str], *, records: bool = False) -> int:
        """The command itself, its output passed through; a negative number is the signal that ended it. With
        `records` it is told a descriptor to which it may write records."""
        out_reader, out_writer = os.pipe()
        rec_reader, rec_writer = os.pipe()
        _widen(out_reader)
        try:
            process = subprocess.Popen(
                words,
                cwd=cwd,
                env={**env, RECORDS_FD: str(rec_writer)} if records else env,
                stdin=subprocess.DEVNULL,
                stdout=out_writer,
                stderr=out_writer,
                preexec_fn=_own_group,
                pass_fds=[rec_writer] if records else [],
            )
        except OSError as error:
            return _cannot_start(self._output, words, cwd, error)
        finally:
            os.close(out_writer)
            os.close(rec_writer)
        self._pid = process.pid
        self._output.record("started")
        try:
            return self._follow(process.pid, out_reader, rec_reader)
        finally:
            self._pid = None
            process.returncode = 0  # it is reaped already
            os.close(out_reader)
            os.close(rec_reader)

    def _follow(self, pid: int, out: int, records: int) -> int:
        lines = LineFilter()
        pending = bytearray()
        ended: Optional[int] = None
        with selectors.DefaultSelector() as selector:
            for fd in (out, records, self._wakeups):
                os.set_blocking(fd, False)
                selector.register(fd, selectors.EVENT_READ)
            while ended is None:
                waits = [moment - time.monotonic() for moment in (lines.due(), self.kill_at) if moment is not None]
                for key, _ in selector.select(max(0.0, min(waits)) if waits else None):
                    data = _read(key.fd)
                    if key.fd == self._wakeups:
                        ended = self._reap(pid)
                    elif not data:
                        if data == b"":
                            selector.unregister(key.fd)
                    elif key.fd == out:
                        self._output.lines(lines.feed(data, time.monotonic()))
                    else:
                        self._pass_on_records(pending, data)
                self._output.lines(lines.tick(time.monotonic()))
                if self.kill_at is not None and time.monotonic() >= self.kill_at:
                    self._kill(signal.SIGKILL)
                    self.kill_at = time.monotonic() + 1.0
        # What is in the pipes belongs to the log; what background processes would still write does not.
        for _ in range(2 * _PIPE_BYTES // 4096):
            data = _read(out)
            if not data:
                break
            self._output.lines(lines.feed(data, time.monotonic()))
        self._output.lines(lines.close())
        self._pass_on_records(pending, _read(records) or b"")
        return ended

    def _reap(self, pid: int) -> Optional[int]:
        """Whoever ended, orphans included: inside a container this process may be pid 1."""
        code = None
        while True:
            try:
                ended, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return code
            if ended == 0:
                return code
            if ended == pid:
                code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def _pass_on_records(self, pending: bytearray, data: bytes) -> None:
        pending += data
        if len(pending) > 1 << 16 and b"\n" not in pending:
            pending.clear()
        while b"\n" in pending:
            line, _, rest = bytes(pending).partition(b"\n")
            pending[:] = rest
            try:
                fields: Dict[str, Any] = json.loads(line)
                kind = fields.pop("type")
            except (ValueError, KeyError, AttributeError, TypeError):
                continue
            if kind in _RECORD_KINDS:
                self._output.record(kind, **fields)


def _own_group() -> None:
    os.setpgid(0, 0)
    for signum in (signal.SIGPIPE, *FORWARDED, signal.SIGCHLD):
        signal.signal(signum, signal.SIG_DFL)


def _cannot_start(output: Output, words: List[str], cwd: str, error: OSError) -> int:
    if not Path(cwd).is_dir():
        output.say(f"the working directory {cwd} is not there")
        return 126
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        output.say(f"{words[0]}: command not found")
        return 127
    output.say(f"{words[0]}: {error.strerror or error}")
    return 126


def _read(fd: int) -> Optional[bytes]:
    """What is there now: None for nothing, b"" at the end."""
    try:
        return os.read(fd, _CHUNK)
    except BlockingIOError:
        return None


def _widen(fd: int) -> None:
    import fcntl

    try:
        fcntl.fcntl(fd, _F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        pass
