"""The handler behind all routes: find the route, identify the caller, check the scope against the owner, validate the
input, call the function, answer.

Every endpoint is a ``Route``. Its scope alone decides who may call it.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, get_origin
from urllib.parse import unquote

import orjson
from jupyterhub.services.auth import HubOAuthenticated
from pydantic import BaseModel, TypeAdapter, ValidationError
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler, stream_request_body

from ..auth import IDENTIFIED, JOBS_READ, PUBLIC, SCOPES, Caller
from ..contracts.browsers import from_foreign_page
from ..db.shares import on_behalf_of
from ..jobs import store
from ..jobs.model import JobRecord
from ..seats import TooMany
from .errors import ApiError, from_validation, not_found

if TYPE_CHECKING:
    from ..service import Service

log = logging.getLogger(__name__)

LARGEST_JSON: Final = 4 * 2**20
QUEUED_CHUNKS: Final = 16

M = TypeVar("M", bound=BaseModel)
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Call:
    """One request as a handler function sees it."""

    service: Service
    handler: ApiHandler
    caller: Caller
    path: dict[str, str]
    query: Any = None
    body: Any = None
    chunks: AsyncIterator[bytes] | None = None
    found_job: JobRecord | None = None
    status: int = 200
    held: ExitStack = field(default_factory=ExitStack)
    """Resources released when the request is over."""

    @property
    def job(self) -> JobRecord:
        """The job in the path, which the caller may see."""
        assert self.found_job is not None
        return self.found_job

    async def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run disk work in the caller's share of the threads. Raises TooMany."""
        return await self.service.threads.run(self.caller.name, function, *args, **kwargs)

    async def in_thread_on(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Like ``in_thread``, for further steps of a response or upload: waits instead of raising TooMany."""
        return await self.service.threads.run_on(self.caller.name, function, *args, **kwargs)

    @property
    def wants_stream(self) -> bool:
        return "text/event-stream" in self.handler.request.headers.get("Accept", "")


Function = Callable[[Call], Awaitable[BaseModel | None]]


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint, registered in its module's ``ROUTES``. Raises ValueError if its scope is not in ``auth.SCOPES``, so
    the service does not start with a route that lacks one.

    The caller's scope must cover the owner of the job in the path (``{job_id}``), everybody if ``everybody`` is set,
    and the caller themselves otherwise. With ``filtered`` any coverage is enough: the function shows only what the
    scope covers.
    """

    method: str
    path: str
    function: Function
    scope: str
    summary: str
    query: type[BaseModel] | None = None
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    status: int = 200
    streams_body: bool = False
    everybody: bool = False
    filtered: bool = False
    media: str = "application/json"
    events: bool = False
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise ValueError(f"{self.method} {self.path} needs a scope of auth.SCOPES, not {self.scope!r}")
        regex = re.sub(r"\{(\w+)\}", lambda m: f"(?P<{m[1]}>{'.+' if m[1] == 'path' else '[^/]+'})", self.path)
        object.__setattr__(self, "pattern", re.compile(regex))


class NoQuery(BaseModel, extra="forbid"):
    """For routes without parameters."""


@stream_request_body
class ApiHandler(HubOAuthenticated, RequestHandler):
    """Serves every route of the table."""

    service: Service
    routes: list[Route]

    def initialize(self, service: Service, routes: list[Route]) -> None:
        self.service = service
        self.routes = routes
        self._task: asyncio.Task[None] | None = None
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUED_CHUNKS)
        self._gathered = bytearray()
        self._too_large = False
        self._route: Route | None = None
        self._call: Call | None = None
        self._refusal: Exception | None = None
        self._gone = False

    def compute_etag(self) -> None:
        return None

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    # -- finding and checking -----------------------------------------------------------------------------------

    def _find(self, path: str) -> tuple[Route, dict[str, str]]:
        method = "GET" if self.request.method == "HEAD" else self.request.method
        allowed = []
        for route in self.routes:
            match = route.pattern.fullmatch(path)
            if match is None:
                continue
            if route.method == method:
                try:
                    values = {k: unquote(v, errors="strict") for k, v in match.groupdict().items()}
                except UnicodeDecodeError as error:
                    raise ApiError(400, "The address is not UTF-8.") from error
                return route, values
            allowed.append(route.method)
        if allowed:
            self.set_header("Allow", ", ".join(allowed))
            raise ApiError(405, f"{self.request.method} is not allowed here; allowed: {', '.join(allowed)}.")
        raise ApiError(404, "There is nothing at this address.")

    def _query(self, model: type[BaseModel]) -> BaseModel:
        values: dict[str, Any] = {}
        for name in self.request.query_arguments:
            if name == "_xsrf":
                continue
            found = self.get_query_arguments(name, strip=False)
            known = model.model_fields.get(name)
            many = known is not None and get_origin(known.annotation) is list
            values[name] = found if many else found[-1]
        return model.model_validate(values)

    async def prepare(self) -> None:
        try:
            await self._prepare()
        except (ApiError, ValidationError, HTTPError) as error:
            if self._expects_much():
                # Answer at once instead of after gigabytes of body.
                self.set_header("Connection", "close")
                self._answer_error(error)
            else:
                self._refusal = error

    def _expects_much(self) -> bool:
        headers = self.request.headers
        length = headers.get("Content-Length", "0")
        return "Transfer-Encoding" in headers or not length.isdecimal() or int(length) > LARGEST_JSON

    async def _prepare(self) -> None:
        path = self.request.path.removeprefix(self.service.api_prefix)
        route, values = self._find(path)
        self._route = route
        if route.scope == PUBLIC:
            caller: Caller | None = Caller("", "anonymous", False, (), frozenset())
        elif from_foreign_page(self.request.method or "", self.request.headers):
            raise ApiError(403, "A page of another origin sent this request.")
        else:
            caller = await self.service.authenticator.caller(self)
        if caller is None:
            raise ApiError(401, "Authentication required: send a valid token (Authorization: token …) or log in.")
        on_behalf_of(caller.name)
        call = Call(self.service, self, caller, values, status=route.status)
        await self._authorise(route, call)
        call.query = self._query(route.query or NoQuery)
        self._call = call
        if route.streams_body:
            self.request.connection.set_max_body_size(2**50)  # type: ignore[union-attr]
            call.chunks = self._body_chunks()
            self._task = asyncio.create_task(self._run(route, call))
        elif self._expects_much() and "Transfer-Encoding" not in self.request.headers:
            raise ApiError(413, "The body is larger than 4 MiB.")
        else:
            self.request.connection.set_max_body_size(LARGEST_JSON + 2**20)  # type: ignore[union-attr]

    async def _authorise(self, route: Route, call: Call) -> None:
        """The only place that checks a scope against an owner."""
        if route.scope == PUBLIC:
            return
        caller = call.caller
        job_id = call.path.get("job_id")
        if job_id is not None:
            async with self.service.db.read() as conn:
                job = await store.get_job(conn, job_id)
            # Somebody else's job must be indistinguishable from one that does not exist.
            if job is None or job.desired == "delete":
                raise not_found("job")
            if not caller.may(route.scope, job.owner, job.group_name):
                visible = caller.may(JOBS_READ, job.owner, job.group_name)
                if not visible:
                    raise not_found("job")
                raise ApiError(403, f"Your token lacks the scope {route.scope} for this job.")
            call.found_job = job
        elif route.scope != IDENTIFIED:
            covered = caller.may(route.scope, None if route.everybody else caller.name)
            if not covered and not (route.filtered and caller.groups_with(route.scope)):
                raise ApiError(403, f"Your token lacks the scope {route.scope}.")

    # -- bodies -------------------------------------------------------------------------------------------------

    async def data_received(self, chunk: bytes) -> None:
        if self._finished or self._refusal is not None or self._route is None:
            return
        if not self._route.streams_body:
            if len(self._gathered) + len(chunk) > LARGEST_JSON:
                self._too_large = True
            else:
                self._gathered += chunk
            return
        put = asyncio.ensure_future(self._chunks.put(chunk))
        assert self._task is not None
        # A function that gave up (too large, not allowed) no longer reads; drop the rest.
        await asyncio.wait({put, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not put.done():
            put.cancel()

    async def _body_chunks(self) -> AsyncIterator[bytes]:
        while (chunk := await self._chunks.get()) is not None:
            yield chunk

    def on_connection_close(self) -> None:
        self._gone = True
        if self._task is not None:
            self._task.cancel()
        super().on_connection_close()

    # -- answering ----------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        if self._refusal is not None and not self._finished:
            self._answer_error(self._refusal)
        if self._finished or self._route is None or self._call is None:
            return
        route, call = self._route, self._call
        if self._task is not None:
            end = asyncio.ensure_future(self._chunks.put(None))
            await asyncio.wait({end, self._task}, return_when=asyncio.FIRST_COMPLETED)
            end.cancel() if not end.done() else None
            await self._end(self._task)
            return
        try:
            if self._too_large:
                raise ApiError(413, "The body is larger than 4 MiB.")
            if route.request is not None:
                call.body = parse_body(route.request, bytes(self._gathered))
        except ApiError as error:
            self._answer_error(error)
            return
        self._task = asyncio.create_task(self._run(route, call))
        await self._end(self._task)

    async def _end(self, task: asyncio.Task[None]) -> None:
        """Wait for the function. It is cancelled when the client disconnects, which is not an error."""
        try:
            await task
        except asyncio.CancelledError:
            if not self._gone:
                raise
            if not self._headers_written:
                self.set_status(499, "Client Closed Request")

    get = post = put = delete = head = patch = options = _serve

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """For what Tornado refuses itself, such as a method that it does not know. JSON, as every answer."""
        error = ApiError(status_code, self._reason)
        if status_code == 405:
            error = self._refused_method()
        self.set_status(error.status)
        self.set_header("Content-Type", "application/json")
        # Tornado reads no body here, and closes.
        self.set_header("Connection", "close")
        self.finish(orjson.dumps(error.body()))

    def _refused_method(self) -> ApiError:
        try:
            self._find(self.request.path.removeprefix(self.service.api_prefix))
        except ApiError as error:
            return error
        return ApiError(405, f"{self.request.method} is not possible here.")

    async def _run(self, route: Route, call: Call) -> None:
        try:
            result = await route.function(call)
            if not self._finished and result is not None:
                self.set_status(call.status)
                self.set_header("Content-Type", "application/json")
                self.finish(result.model_dump_json().encode())
            elif not self._finished:
                if not self._headers_written:
                    self.set_status(call.status if call.status != 200 else 204)
                self.finish()
        except StreamClosedError:
            pass
        except Exception as error:
            self._answer_error(error)
        finally:
            call.held.close()

    def _answer_error(self, error: Exception) -> None:
        if isinstance(error, ValidationError):
            error = from_validation(error)
        elif isinstance(error, TooMany):
            error = ApiError(429, str(error), retry_after_s=error.retry_after_s)
        elif isinstance(error, HTTPError):
            error = ApiError(error.status_code, error.log_message or error.reason or "The Hub did not answer.")
        elif not isinstance(error, ApiError):
            log.error("%s %s failed", self.request.method, self.request.path, exc_info=error)
            error = ApiError(500, "Internal error. The service's log has details.")
        if self._finished:
            return
        if self._headers_written:
            # The status has been sent: cutting the connection is the only way left to signal an incomplete response.
            self.request.connection.stream.close()  # type: ignore[union-attr]
            return
        assert isinstance(error, ApiError)
        self.set_status(error.status)
        self.set_header("Content-Type", "application/json")
        if error.retry_after_s is not None:
            self.set_header("Retry-After", str(error.retry_after_s))
        if self._route is not None and self._route.streams_body:
            # The rest of the body may still be arriving; Tornado then closes the connection, so announce that.
            self.set_header("Connection", "close")
        self.finish(orjson.dumps(error.body()))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if not isinstance(value, ApiError | HTTPError):
            super().log_exception(typ, value, tb)


def checked(kind: Any, value: Any, field_name: str) -> Any:
    """Validate a part of the address like a body's field of this type. Raises ApiError naming it."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise ApiError(422, f"{field_name}: {message}", field_name) from error


def parse_body(model: type[M], data: bytes) -> M:
    """Parse and validate a JSON body. Raises ApiError naming the field."""
    try:
        loaded = orjson.loads(data or b"{}")
    except orjson.JSONDecodeError as error:
        raise ApiError(400, f"The body is not JSON: {error}.") from error
    if not isinstance(loaded, dict):
        raise ApiError(400, "The body must be a JSON object.")
    try:
        return model.model_validate_json(data or b"{}")
    except ValidationError as error:
        raise from_validation(error) from error
