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
from typing import Any

SEPARATOR = b"\x1e"


class Output:
    """stdout of the runner, for any thread. Once nobody reads it any more, what is written is dropped."""

    def __init__(self, fd: int = 1) -> None:
        self._fd = fd
        self._lock = threading.Lock()
        self._broken = False

    def lines(self, data: bytes) -> None:
        with self._lock:
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
