"""The runner's own words on stdout: lines that begin with the record separator, between the lines of the
command.

    {"type": "workspace", "commit": str | null, "files": n, "bytes": n}
    {"type": "workspace_failed", "message": sentence}
    {"type": "started"}
    {"type": "progress", "done": n, "total": n | null, "text": str | null}
    {"type": "system", "cpu": percent of one core, "memory": bytes, "memory_limit": bytes | null,
     "gpus": [...]}
    {"type": "exited", "code": n, "signal": n | null}

Whatever is written here is whole lines, under one lock, so neither kind ever ends up inside the other.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any, Optional

SEPARATOR = b"\x1e"


class Output:
    """stdout of the runner, for any thread. Once nobody reads it any more, what is written is dropped."""

    def __init__(self, fd: int = 1) -> None:
        self._fd = fd
        self._copy: Optional[Copy] = None
        self._lock = threading.Lock()
        self._broken = False

    def copy_to(self, path: Path) -> None:
        """From now on, write every line to this file as well, with its time."""
        self._copy = Copy(path)

    def lines(self, data: bytes) -> None:
        if not data:
            return
        with self._lock:
            if self._copy is not None:
                self._copy.write(data)
            view = memoryview(data)
            while view and not self._broken:
                try:
                    view = view[os.write(self._fd, view) :]
                except OSError:
                    self._broken = True

    def record(self, kind: str, **fields: Any) -> None:
        self.lines(SEPARATOR + json.dumps({"type": kind, **fields}).encode() + b"\n")

    def say(self, sentence: str) -> None:
        """A line of the platform's own in the job's log."""
        self.lines(f"[outrider] {sentence}\n".encode("utf-8", "replace"))


class Copy:
    """A log on a volume: "<unix time with 6 decimals> <line>", as it is read on every platform. A full disk
    costs lines, which are counted, and never stops the job."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: Optional[int] = None
        self._lost = 0
        self._inside = False

    def write(self, data: bytes) -> None:
        """Whole lines."""
        text = data
        if self._lost:
            told = f"[outrider] {self._lost} bytes of output are lost: the log could not be written\n"
            text = told.encode() + data
        stamp = b"%.6f " % time.time()
        text = stamp + text[:-1].replace(b"\n", b"\n" + stamp) + b"\n"
        try:
            if self._fd is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                self._fd = os.open(str(self._path), flags, 0o600)
            if self._inside:
                text = b"\n" + text
            view = memoryview(text)
            while view:
                view = view[os.write(self._fd, view) :]
                self._inside = bool(view)
            self._lost = 0
        except OSError:
            self._lost += len(data)
