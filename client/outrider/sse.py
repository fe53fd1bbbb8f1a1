"""Parses Server-Sent Events from bytes. Pure.

Lines end with CR, LF or CRLF only, as the format says: splitting at every Unicode line end would break JSON strings.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True)
class Message:
    """An event: its name, its data, and the id to resume after."""

    event: str
    data: str
    id: str | None

    def json(self) -> Any:
        return json.loads(self.data)


class Parser:
    """Feed it bytes; it returns the complete events.

    An event cut short by a broken connection is never returned, so resuming after the last complete one neither loses
    nor repeats anything.
    """

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._event = ""
        self._data: list[str] = []
        self._last_id: str | None = None

    def feed(self, chunk: bytes) -> list[Message]:
        if b"\n" not in chunk and b"\r" not in chunk:
            self._rest.append(chunk)
            return []
        self._rest.append(chunk)
        buffer = b"".join(self._rest)
        messages: list[Message] = []
        start = 0
        for end in _LINE_END.finditer(buffer):
            if end.group() == b"\r" and end.end() == len(buffer):
                break  # its LF may still be arriving
            message = self._line(buffer[start : end.start()])
            start = end.end()
            if message is not None:
                messages.append(message)
        self._rest = [buffer[start:]]
        return messages

    def _line(self, raw: bytes) -> Message | None:
        if not raw:
            return self._dispatch()
        name, _, value = raw.decode("utf-8", "replace").partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._last_id = value
        return None

    def _dispatch(self) -> Message | None:
        event, data = self._event or "message", self._data
        self._event, self._data = "", []
        return Message(event, "\n".join(data), self._last_id) if data else None
