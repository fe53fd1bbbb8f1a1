"""Server-Sent Events: headers, keep-alives, and writing at the reader's pace."""

from __future__ import annotations

import re
import time
from typing import Any, Final

import orjson

from ..auth import JOBS_READ
from .errors import ApiError
from .routing import ApiHandler, Call

KEEP_ALIVE_S: Final = 15.0


class EventStream:
    """An open event stream about the call's job. Each write waits until the client has taken the last one.

    Making one raises TooMany for a user who has too many open.
    """

    def __init__(self, call: Call) -> None:
        handler = self.handler = call.handler
        self._call = call
        self._checked = time.monotonic()
        call.held.enter_context(call.service.followers.take(call.caller.name))
        handler.set_header("Content-Type", "text/event-stream")
        handler.set_header("Cache-Control", "no-cache")
        handler.set_header("X-Accel-Buffering", "no")

    async def send(self, event: str, data: Any, event_id: int | str | None = None) -> None:
        await self.send_raw(event, data if isinstance(data, bytes) else orjson.dumps(data), event_id)

    async def send_raw(self, event: str, data: bytes, event_id: int | str | None = None) -> None:
        await self._check()
        head = f"id: {event_id}\nevent: {event}\ndata: " if event_id is not None else f"event: {event}\ndata: "
        self.handler.write(head.encode() + data + b"\n\n")
        await self.handler.flush()

    async def keep_alive(self) -> None:
        await self._check()
        self.handler.write(b": still here\n\n")
        await self.handler.flush()

    async def _check(self) -> None:
        """Now and then, whether the reader still may. Raises ApiError, which cuts the connection."""
        authenticator, job = self._call.service.authenticator, self._call.job
        if time.monotonic() - self._checked < authenticator.recheck_s:
            return
        self._checked = time.monotonic()
        if not await authenticator.still(self.handler, lambda c: c.may(JOBS_READ, job.owner, job.group_name)):
            raise ApiError(401, "The token has ended.")


def last_event_id(handler: ApiHandler) -> int | None:
    """The number after which a client resumes."""
    value = handler.request.headers.get("Last-Event-ID", "")
    return int(value) if re.fullmatch(r"[0-9]{1,15}", value) else None
