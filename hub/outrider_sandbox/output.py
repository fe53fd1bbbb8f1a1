"""The log of a sandbox: what its command prints, each line with the time of its first byte.

A line in the file is `1700000000.123456 text`. Output is written as it arrives, even half lines, so readers take whole
lines only. A full disk never stops the command: output is dropped and counted, and a line says how much as soon as
there is room."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path


class Log:
    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._line_open = False  # the last byte in the file is not a newline
        self._lost = 0
        self._lost_why = ""

    def append(self, data: bytes) -> None:
        if self._lost and not self._report_loss():
            self._lost += len(data)
            return
        stamp = b"%.6f " % time.time()
        body = data.removesuffix(b"\n")
        closed = len(body) < len(data)
        text = (b"" if self._line_open else stamp) + body.replace(b"\n", b"\n" + stamp) + (b"\n" if closed else b"")
        written, error = self._write(text)
        if error is None:
            self._line_open = not closed
        else:
            kept = self._cut(text[:written], len(stamp))
            self._lost += max(1, len(data) - kept)
            self._lost_why = os.strerror(error.errno or 0).lower()

    def note(self, text: str) -> None:
        """Append a line from the platform itself."""
        self._end_line()
        self.append(f"[outrider] {text}\n".encode())

    def close(self) -> None:
        if self._lost:
            self._report_loss()
        self._end_line()
        os.close(self._fd)

    def _end_line(self) -> None:
        if self._line_open and self._write(b"\n")[1] is None:
            self._line_open = False

    def _report_loss(self) -> bool:
        line = b"%.6f [outrider] %d bytes of output lost: %s\n" % (
            time.time(),
            self._lost,
            self._lost_why.encode(),
        )
        line = b"\n" + line if self._line_open else line
        written, error = self._write(line)
        if error is not None:
            self._truncate_by(written)
            return False
        self._lost, self._line_open = 0, False
        return True

    def _write(self, data: bytes) -> tuple[int, OSError | None]:
        view, written = memoryview(data), 0
        while written < len(data):
            try:
                written += os.write(self._fd, view[written:])
            except OSError as error:
                return written, error
        return written, None

    def _cut(self, part: bytes, stamp: int) -> int:
        """Repair the file after a partial write: remove a time without text, and note whether a line is open. Returns
        how many of the command's own bytes were kept."""
        tail = len(part) - (part.rfind(b"\n") + 1)
        if 0 < tail <= stamp and (b"\n" in part or not self._line_open):
            self._truncate_by(tail)
            part = part[:-tail]
        times = part.count(b"\n") + (not self._line_open) - part.endswith(b"\n") if part else 0
        if part:
            self._line_open = not part.endswith(b"\n")
        return len(part) - times * stamp

    def _truncate_by(self, count: int) -> None:
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - count)
