"""Server-Sent Events: headers, keep-alives, and writing at the reader's pace."""

from __future__ import annotations

import re
import time

from ..auth import JOBS_READ
from ..jobs.model import JobRecord
from .errors import ApiError
from .follow import Message, Reader
from .routing import ApiHandler, Call


class EventStream(Reader):
    """An open event stream about the call's job. Each write waits until the client has taken the previous one.

    The constructor raises TooMany for a user who has too many open.
    """

    def __init__(self, call: Call) -> None:
        handler = self.handler = call.handler
        self._authenticator = call.service.authenticator
        self._checked = time.monotonic()
        call.held.enter_context(call.service.followers.take(call.caller.name))
        handler.set_header("Content-Type", "text/event-stream")
        handler.set_header("Cache-Control", "no-cache")
        handler.set_header("X-Accel-Buffering", "no")

    async def send(self, message: Message) -> None:
        number = "" if message.last is None else f"id: {message.last}\n"
        self.handler.write(f"{number}event: {message.event}\ndata: ".encode() + message.data + b"\n\n")
        await self.handler.flush()

    async def keep_alive(self) -> None:
        self.handler.write(b": still here\n\n")
        await self.handler.flush()

    async def may_see(self, job: JobRecord) -> bool:
        """Ask the Hub from time to time. Raises ApiError when the token has expired or no longer covers the job."""
        if time.monotonic() - self._checked < self._authenticator.recheck_s:
            return True
        self._checked = time.monotonic()
        if not await self._authenticator.still(self.handler, lambda c: c.may(JOBS_READ, job.owner, job.group_name)):
            raise ApiError(401, "The token is no longer valid.")
        return True


def last_event_id(handler: ApiHandler) -> int | None:
    """The number after which the client resumes."""
    value = handler.request.headers.get("Last-Event-ID", "")
    return int(value) if re.fullmatch(r"[0-9]{1,15}", value) else None
