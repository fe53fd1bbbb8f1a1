"""/stream: one WebSocket per page, which carries all its subscriptions.

    → {"id": 1, "subscribe": "logs", "job": "j…", "after": 0}      also "events", "metrics", "job", and "jobs" (no job)
    → {"id": 1, "unsubscribe": true}
    ← {"id": 1, "event": "lines" | "timeline", "data": …, "last": 42}
    ← {"id": 1, "event": "points" | "job" | "jobs" | "end", "data": …}
    ← {"id": 1, "event": "error", "data": {"status": 404, "message": …}}

A page that authenticates by cookie adds ``?_xsrf=…`` with the value of the ``_xsrf`` cookie; with a token that is not
needed. Each subscription reads from the store at the socket's pace, so a page that does not read blocks nothing.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
from jupyterhub.services.auth import HubOAuthenticated
from pydantic import BaseModel, Field, ValidationError
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from ..auth import JOBS_READ, Caller, header_token
from ..db.shares import on_behalf_of
from ..jobs.model import JobRecord
from ..seats import TooMany
from .follow import Message, Reader, follow, lines, points, record, timeline
from .logs import start_of

if TYPE_CHECKING:
    from ..service import Service

log = logging.getLogger(__name__)

MOST_SUBSCRIPTIONS = 64
LARGEST_MESSAGE = 16 * 1024


class Wanted(BaseModel, extra="forbid"):
    """A message from the page."""

    id: Annotated[int, Field(ge=0, lt=2**53)]
    subscribe: Literal["logs", "events", "metrics", "job", "jobs"] | None = None
    unsubscribe: bool = False
    job: str | None = None
    after: Annotated[int, Field(ge=0, lt=2**53)] = 0
    tail: Annotated[int, Field(ge=1, le=10_000)] | None = None


class StreamHandler(HubOAuthenticated, WebSocketHandler):
    """The socket; each subscription is a task."""

    def initialize(self, service: Service) -> None:
        self.service = service
        self.caller: Caller
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._writing = asyncio.Lock()
        self._checked = time.monotonic()
        self._seat = ExitStack()

    @property
    def max_message_size(self) -> int:
        return LARGEST_MESSAGE

    async def prepare(self) -> None:
        caller = await self.service.authenticator.caller(self)
        if caller is None:
            raise HTTPError(401)
        if header_token(self.request.headers.get("Authorization")) is None:
            self._check_page()
        self.caller = caller
        try:
            self._seat.enter_context(self.service.followers.take(caller.name))
        except TooMany as error:
            # Before the handshake, so that pages back off as for any socket that does not open.
            self.set_status(429)
            self.set_header("Content-Type", "application/json")
            self.set_header("Retry-After", str(error.retry_after_s))
            self.finish(orjson.dumps({"status": 429, "message": str(error)}))

    def _check_page(self) -> None:
        """A cookie alone is not enough: any page on this host, a user's notebook server among them, could open a
        socket with it. Only our own pages can read the anti-forgery cookie and repeat it in the address."""
        repeated = self.get_query_argument("_xsrf", "").encode()
        if not hmac.compare_digest(repeated, self.xsrf_token):
            raise HTTPError(403)

    async def on_message(self, message: str | bytes) -> None:
        """The next message is read after this one is handled, so a page that does not read cannot flood the service."""
        try:
            wanted = Wanted.model_validate_json(message)
        except ValidationError as error:
            await self._error(0, 400, f"invalid message: {error.errors(include_url=False)[0]['msg']}")
            return
        old = self._tasks.pop(wanted.id, None)
        if old is not None:
            old.cancel()
        if wanted.subscribe is None:
            return
        if len(self._tasks) >= MOST_SUBSCRIPTIONS:
            await self._error(wanted.id, 429, f"at most {MOST_SUBSCRIPTIONS} subscriptions per connection")
            return
        try:
            self.service.subscriptions.check(self.caller.name)
        except TooMany as error:
            await self._error(wanted.id, 429, str(error))
            return
        self._tasks[wanted.id] = asyncio.create_task(self._subscription(wanted))

    def on_close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._seat.close()

    def on_finish(self) -> None:
        """Also called for a refused handshake, which gets no ``on_close``."""
        if self.ws_connection is None:
            self._seat.close()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self._seat.close()

    async def send(self, sub: int, event: str, data: Any, **more: Any) -> None:
        text = orjson.dumps({"id": sub, "event": event, "data": data, **more})
        async with self._writing:
            await self.write_message(text)

    async def _error(self, sub: int, status: int, message: str) -> None:
        try:
            await self.send(sub, "error", {"status": status, "message": message})
        except WebSocketClosedError:
            pass

    async def _subscription(self, wanted: Wanted) -> None:
        on_behalf_of(self.caller.name)
        try:
            with self.service.subscriptions.take(self.caller.name):
                if wanted.subscribe == "jobs":
                    await self._jobs(wanted)
                else:
                    await self._follow(wanted)
        except WebSocketClosedError:
            return
        except TooMany as error:
            await self._error(wanted.id, 429, str(error))
        except LookupError as error:
            await self._error(wanted.id, 404, str(error.args[0]))
        except Exception:
            log.exception("subscription failed")
            await self._error(wanted.id, 500, "Internal error. The service's log has details.")
        finally:
            if self._tasks.get(wanted.id) is asyncio.current_task():
                del self._tasks[wanted.id]

    async def _load(self, job_id: str | None) -> JobRecord:
        """The job. Raises LookupError if there is none or the caller may not see it."""
        job = await self.service.reads.job(job_id or "")
        if job is None or job.desired == "delete" or not await self.may_see(job):
            raise LookupError("There is no such job, or it is not yours.")
        return job

    async def may_see(self, job: JobRecord) -> bool:
        await self._check_caller()
        return self.caller.may(JOBS_READ, job.owner, job.group_name)

    async def _check_caller(self) -> None:
        """Check from time to time that the page still authenticates as the same user."""
        if time.monotonic() - self._checked < self.service.authenticator.recheck_s:
            return
        self._checked = time.monotonic()
        if not await self.service.authenticator.still(self, self._is_caller):
            self.close(1008, "the login has expired")
            raise WebSocketClosedError

    def _is_caller(self, caller: Caller) -> bool:
        same = caller.name == self.caller.name
        self.caller = caller if same else self.caller
        return same

    async def _follow(self, wanted: Wanted) -> None:
        """Follow a job, or its log, timeline or points."""
        service, user = self.service, self.caller.name
        job_id = (await self._load(wanted.job)).id
        match wanted.subscribe:
            case "logs":
                news = lines(service, user, start_of(service.journals.get(job_id), wanted.after, wanted.tail))
            case "events":
                news = timeline(service, wanted.after)
            case "metrics":
                news = points(service, user)
            case _:
                news = record(service)
        log = wanted.subscribe in ("logs", "metrics")
        await follow(service, job_id, news, Subscription(self, wanted.id), log=log)

    async def _jobs(self, wanted: Wanted) -> None:
        """Tell the page that the job list may have changed, at most twice a second; it then reloads what it shows."""
        while True:
            seen = self.service.signals.value("jobs")
            await self._check_caller()
            await self.send(wanted.id, "jobs", {"version": seen})
            await asyncio.sleep(0.5)
            while await self.service.signals.wait("jobs", seen, 60) == seen:
                continue


class Subscription(Reader):
    """One of a socket's subscriptions to a job."""

    def __init__(self, socket: StreamHandler, number: int) -> None:
        self._socket = socket
        self._number = number

    async def send(self, message: Message) -> None:
        more = {} if message.last is None else {"last": message.last}
        await self._socket.send(self._number, message.event, orjson.Fragment(message.data), **more)

    async def keep_alive(self) -> None:
        """The socket's own pings do that."""

    async def may_see(self, job: JobRecord) -> bool:
        return await self._socket.may_see(job)
