"""/stream: one WebSocket a page that carries all its subscriptions.

    → {"id": 1, "subscribe": "logs", "job": "j…", "after": 0}      also "events", "metrics", and "jobs" (no job)
    → {"id": 1, "unsubscribe": true}
    ← {"id": 1, "event": "lines", "data": […], "last": 42}
    ← {"id": 1, "event": "timeline" | "points" | "job" | "jobs" | "end", "data": …}
    ← {"id": 1, "event": "error", "data": {"status": 404, "message": …}}

A page that is known by its cookie adds ``?_xsrf=…`` with the value of the ``_xsrf`` cookie; a token needs nothing.
Each subscription reads from the store at the socket's pace, so a page that does not read holds nothing up.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
from jupyterhub.services.auth import HubOAuthenticated
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from ..auth import JOBS_READ, Caller, header_token
from ..db.shares import on_behalf_of
from ..jobs import store
from ..jobs.changes import JobChanges
from ..jobs.model import JobRecord
from ..jobs.place import queue_position
from ..seats import TooMany
from ..telemetry.journal import Journal
from .jobs import end_of
from .metrics import fresh_points
from .render import render_event, render_job
from .sse import KEEP_ALIVE_S

if TYPE_CHECKING:
    from ..service import Service

log = logging.getLogger(__name__)

MOST_SUBSCRIPTIONS = 64
LARGEST_MESSAGE = 16 * 1024


class Message(BaseModel, extra="forbid"):
    """What a page sends."""

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
            # Before the handshake: a page then waits longer from try to try, as for any socket that does not open.
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
        """The next message is read when this one is dealt with, so a page that does not read is not heard either."""
        try:
            wanted = Message.model_validate_json(message)
        except ValidationError as error:
            await self._error(0, 400, f"not understood: {error.errors(include_url=False)[0]['msg']}")
            return
        old = self._tasks.pop(wanted.id, None)
        if old is not None:
            old.cancel()
        if wanted.subscribe is None:
            return
        if len(self._tasks) >= MOST_SUBSCRIPTIONS:
            await self._error(wanted.id, 429, f"at most {MOST_SUBSCRIPTIONS} subscriptions")
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
        """Also of a handshake that was refused, which no close follows."""
        if self.ws_connection is None:
            self._seat.close()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self._seat.close()

    async def _send(self, sub: int, event: str, data: Any, **more: Any) -> None:
        text = orjson.dumps({"id": sub, "event": event, "data": data, **more})
        async with self._writing:
            await self.write_message(text)

    async def _error(self, sub: int, status: int, message: str) -> None:
        try:
            await self._send(sub, "error", {"status": status, "message": message})
        except WebSocketClosedError:
            pass

    async def _subscription(self, wanted: Message) -> None:
        kinds: dict[str, Callable[[Message], Awaitable[None]]] = {
            "logs": self._logs,
            "events": self._events,
            "metrics": self._metrics,
            "job": self._job,
            "jobs": self._jobs,
        }
        on_behalf_of(self.caller.name)
        try:
            with self.service.subscriptions.take(self.caller.name):
                await kinds[wanted.subscribe or ""](wanted)
        except WebSocketClosedError:
            return
        except TooMany as error:
            await self._error(wanted.id, 429, str(error))
        except LookupError as error:
            await self._error(wanted.id, 404, str(error.args[0]))
        except Exception:
            log.exception("a subscription failed")
            await self._error(wanted.id, 500, "the service failed; its log says why")
        finally:
            if self._tasks.get(wanted.id) is asyncio.current_task():
                del self._tasks[wanted.id]

    async def _load(self, job_id: str | None) -> JobRecord:
        """The job if this caller may see it. Raises LookupError."""
        job = await self.service.reads.job(job_id or "")
        await self._check_caller()
        if job is None or job.desired == "delete" or not self._may_see(job):
            raise LookupError("There is no such job, or it is not yours.")
        return job

    def _may_see(self, job: JobRecord) -> bool:
        return self.caller.may(JOBS_READ, job.owner, job.group_name)

    async def _check_caller(self) -> None:
        """Now and then, whether the page still speaks for whom it did."""
        if time.monotonic() - self._checked < self.service.authenticator.recheck_s:
            return
        self._checked = time.monotonic()
        if not await self.service.authenticator.still(self, self._is_caller):
            self.close(1008, "the login has ended")
            raise WebSocketClosedError

    def _is_caller(self, caller: Caller) -> bool:
        same = caller.name == self.caller.name
        self.caller = caller if same else self.caller
        return same

    async def _each_change(
        self, wanted: Message, step: Callable[[JobRecord], Awaitable[None]], *, log: bool = False
    ) -> None:
        """Call ``step`` at every change of the job (or its log), until it has ended; then send the end."""
        first = await self._load(wanted.job)
        changes = JobChanges(self.service.reads, first.id, log=log)
        while True:
            job = await changes.look()
            await self._check_caller()
            if job is None or not self._may_see(job):
                await self._send(wanted.id, "end", end_of(None))
                return
            await step(job)
            if job.status.ended:
                await self._send(wanted.id, "end", end_of(job))
                return
            await changes.wait(KEEP_ALIVE_S)

    async def _logs(self, wanted: Message) -> None:
        await self._load(wanted.job)
        journal = self.service.journals.get(wanted.job or "")
        after = max(0, journal.checkpoint.lines - wanted.tail) if wanted.tail else wanted.after

        async def step(job: JobRecord) -> None:
            nonlocal after
            current = self.service.journals.get(job.id)
            while (piece := await self._lines(job.id, current, after)) is not None:
                after, data = piece
                await self._send(wanted.id, "lines", orjson.Fragment(data), last=after)

        await self._each_change(wanted, step, log=True)

    async def _lines(self, job_id: str, journal: Journal, after: int) -> tuple[int, bytes] | None:
        return await self.service.line_cache.after(self.caller.name, job_id, journal, after)

    async def _events(self, wanted: Message) -> None:
        after = wanted.after

        async def step(job: JobRecord) -> None:
            nonlocal after
            rows = await self.service.reads.events(job.id, after, 1000)
            for row in rows:
                after = row["id"]
                await self._send(wanted.id, "timeline", orjson.Fragment(render_event(row).model_dump_json()))

        await self._each_change(wanted, step)

    async def _metrics(self, wanted: Message) -> None:
        sent: dict[str, int] = {}

        async def step(job: JobRecord) -> None:
            journal = self.service.journals.get(job.id)
            for piece in await self.service.threads.run_on(self.caller.name, fresh_points, journal, sent):
                await self._send(wanted.id, "points", piece)
            await asyncio.sleep(0.1)

        await self._each_change(wanted, step, log=True)

    async def _job(self, wanted: Message) -> None:
        last = b""

        async def step(job: JobRecord) -> None:
            nonlocal last
            data = await self._rendered(job)
            if data != last:
                last = data
                await self._send(wanted.id, "job", orjson.Fragment(data))

        await self._each_change(wanted, step)

    async def _rendered(self, job: JobRecord) -> bytes:
        async def render(conn: AsyncConnection) -> bytes:
            tags = (await store.tags_of(conn, [job.id]))[job.id]
            place = await queue_position(conn, self.service.backends, job)
            attempts = await store.list_attempts(conn, job.id)
            origin, prefix = self.service.apps_origin, self.service.prefix
            return render_job(job, tags, origin, prefix, place, attempts).model_dump_json().encode()

        return await self.service.reads.get(job.id, "rendered", render)

    async def _jobs(self, wanted: Message) -> None:
        """That the list may have changed; the page asks for what it shows. At most twice a second."""
        while True:
            seen = self.service.signals.value("jobs")
            await self._check_caller()
            await self._send(wanted.id, "jobs", {"version": seen})
            await asyncio.sleep(0.5)
            while await self.service.signals.wait("jobs", seen, 60) == seen:
                continue
