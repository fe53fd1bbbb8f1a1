"""Turns what a command prints into whole lines of a log. Pure: bytes and times in, bytes out.

A progress bar rewrites its line with carriage returns. Only the last state of a line is kept, except for states that
hold a metric, and a line that is still being rewritten is shown as it stands once a second. Other unfinished lines (a
question, a print without newline) are shown when nothing has come for a while, less and less often, and again once
they are complete, so that a line that was flushed in two halves is still one line. No line is longer than a mebibyte:
longer ones come in pieces."""

from __future__ import annotations

from typing import List, Optional

from .records import SEPARATOR

LONGEST = 1 << 20
METRIC = b'"chart"'
"""What every metric holds. A state of a line with it is never left out, whatever was written over it."""
_SNAPSHOT_S = 1.0
_SLOWEST_S = 60.0
_SNAPSHOT_BYTES = 4096


class LineFilter:
    def __init__(self) -> None:
        self._parts: List[bytes] = []  # the unfinished line, as it came
        self._size = 0
        self._rewritten = False  # it has carriage returns
        self._shown: Optional[bytes] = None  # its last snapshot
        self._snapshot_at: Optional[float] = None
        self._pause = _SNAPSHOT_S

    def feed(self, data: bytes, now: float) -> bytes:
        """The complete lines that `data` brings."""
        end = data.rfind(b"\n") + 1
        if end == 0:
            return self._extend(data, now)
        if self._size:
            first = data.index(b"\n") + 1
            head, done = data[:first], data[first:end]
            out = self._finish(head) + _clean(done)
        else:
            out = _clean(data if end == len(data) else data[:end])
        rest = data[end:]
        return out + self._extend(rest, now) if rest else out

    def due(self) -> Optional[float]:
        """When `tick` should be called next, if at all."""
        return self._snapshot_at

    def tick(self, now: float) -> bytes:
        """A snapshot of the unfinished line, when it is time for one."""
        if self._snapshot_at is None or now < self._snapshot_at:
            return b""
        self._snapshot_at = None
        state = _last_state(b"".join(self._parts))
        if METRIC in state or (not self._rewritten and state.lstrip().startswith(b"{")):
            return b""  # half of a metric would only be noise, and a whole one would count twice
        if not state or state == self._shown:
            return b""
        self._shown = state
        self._pause = min(_SLOWEST_S, self._pause * 2)
        return _escape(state[-_SNAPSHOT_BYTES:] + b"\n")

    def close(self) -> bytes:
        """What is left at the end becomes a line."""
        return self._finish(b"\n") if self._size else b""

    def _extend(self, data: bytes, now: float) -> bytes:
        self._parts.append(data)
        self._size += len(data)
        out = b""
        if b"\r" in data:
            self._rewritten = True
            state = b"".join(self._parts)
            # A trailing return is kept: it says that the next text replaces this one.
            kept = _last_state(state) + (b"\r" if state.endswith(b"\r") else b"")
            out = _overwritten(state[: len(state) - len(kept)])
            self._parts, self._size = [kept], len(kept)
        if self._size > LONGEST:
            out += self._pass_on_pieces()
        if not self._rewritten:
            self._snapshot_at = now + self._pause
        elif self._snapshot_at is None:
            self._snapshot_at = now + _SNAPSHOT_S
        return out

    def _pass_on_pieces(self) -> bytes:
        text, out = b"".join(self._parts), []
        while len(text) > LONGEST:
            cut = _character_start(text, LONGEST)
            out.append(_escape(text[:cut] + b"\n"))
            text = text[cut:]
        self._parts, self._size, self._shown = [text], len(text), None
        return b"".join(out)

    def _finish(self, head: bytes) -> bytes:
        """The unfinished line, completed by `head`, which ends with its newline."""
        line = b"".join(self._parts) + head
        shown, rewritten = self._shown, self._rewritten
        self._parts, self._size, self._rewritten = [], 0, False
        self._shown, self._snapshot_at, self._pause = None, None, _SNAPSHOT_S
        cleaned = _clean(line)
        return b"" if rewritten and shown is not None and _clean(shown + b"\n") == cleaned else cleaned


def _clean(data: bytes) -> bytes:
    """Whole lines: what was overwritten is left out, separators are escaped, too long ones are cut."""
    if b"\r" in data:
        data = b"\n".join(_with_metrics(line) if b"\r" in line else line for line in data.split(b"\n"))
    if len(data) > LONGEST:
        data = _cut_long_lines(data)
    return _escape(data) if SEPARATOR in data else data


def _cut_long_lines(data: bytes) -> bytes:
    start, out = 0, []
    while start < len(data):
        end = data.rfind(b"\n", start, start + LONGEST + 1) + 1
        if end == 0:
            end = _character_start(data, start + LONGEST)
            if data[end : end + 1] == b"\n":
                end += 1
            out.append(data[start:end] if data[end - 1 : end] == b"\n" else data[start:end] + b"\n")
        else:
            out.append(data[start:end])
        start = end
    return b"".join(out)


def _character_start(data: bytes, position: int) -> int:
    """The nearest position at or before the given one that is not inside a UTF-8 character."""
    for back in range(4):
        if position - back < len(data) and data[position - back] & 0xC0 != 0x80:
            return position - back
    return position


def _last_state(line: bytes) -> bytes:
    return line.rstrip(b"\r").rpartition(b"\r")[2]


def _with_metrics(line: bytes) -> bytes:
    """The last state of a line, and before it, as lines of their own, overwritten states that hold a metric."""
    if METRIC not in line:
        return _last_state(line)
    last = _last_state(line)
    states = [state for state in line.rstrip(b"\r").split(b"\r")[:-1] if METRIC in state]
    return b"\n".join([*states, last])


def _overwritten(states: bytes) -> bytes:
    """Lines for the states of an unfinished line that have been overwritten and hold a metric."""
    if METRIC not in states:
        return b""
    return b"".join(_escape(state + b"\n") for state in states.split(b"\r") if METRIC in state)


def _escape(data: bytes) -> bytes:
    if data.startswith(SEPARATOR):
        data = SEPARATOR + data
    return data.replace(b"\n" + SEPARATOR, b"\n" + SEPARATOR + SEPARATOR)
