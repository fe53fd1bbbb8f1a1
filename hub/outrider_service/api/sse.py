"""Server-Sent Events: headers, keep-alives, and writing at the reader's pace."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from .routing import ApiHandler

KEEP_ALIVE_S: Final = 15.0


class EventStream:
    """An open event stream. Each write waits until the client has taken the last one."""

    def __init__(self, handler: ApiHandler) -> None:
        self.handler = handler
        handler.set_header("Content-Type", "text/event-stream")
        handler.set_header("Cache-Control", "no-cache")
        handler.set_header("X-Accel-Buffering", "no")

    async def send(self, event: str, data: Any, event_id: int | str | None = None) -> None:
        await self.send_raw(event, data if isinstance(data, bytes) else orjson.dumps(data), event_id)

    async def send_raw(self, event: str, data: bytes, event_id: int | str | None = None) -> None:
        head = f"id: {event_id}\nevent: {event}\ndata: " if event_id is not None else f"event: {event}\ndata: "
        self.handler.write(head.encode() + data + b"\n\n")
        await self.handler.flush()

    async def keep_alive(self) -> None:
        self.handler.write(b": still here\n\n")
        await self.handler.flush()


def last_event_id(handler: ApiHandler) -> int | None:
    """The number after which a client resumes."""
    value = handler.request.headers.get("Last-Event-ID", "")
    return int(value) if re.fullmatch(r"[0-9]{1,15}", value) else None
