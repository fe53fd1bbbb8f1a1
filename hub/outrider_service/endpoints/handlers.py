"""The two ways to a job's port: by path for programs with a token, by a host of its own for people."""

from __future__ import annotations

import asyncio
import html
import logging
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

import orjson
from jupyterhub.services.auth import HubOAuthenticated
from tornado.web import HTTPError, RequestHandler, stream_request_body

from ..auth import ENDPOINTS, Authenticator, Caller
from ..backends.base import Address, AttemptRef, Backend
from ..db import Database
from ..jobs import store
from ..jobs.model import JobRecord
from ..schema.jobs import Status
from .origins import from_elsewhere, local_path
from .proxy import BadAnswer, Confine, NotListening, Proxy, on_hub_host, on_own_host, request_headers
from .tickets import COOKIE_S, TICKET_S, Tickets
from .websocket import is_handshake, tunnel

log = logging.getLogger(__name__)

COOKIE: Final = "outrider-endpoint"
OWN_COOKIE: Final = re.compile(re.escape(COOKIE) + "=")
HOST: Final = re.compile(r"(j[0-9a-z]{12})-(\d{4,5})\.(.+)")
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What the handlers of jobs' ports use. ``prefix`` ends with a slash; ``apps_origin`` is where ports' hosts are."""

    db: Database
    backends: Mapping[str, Backend]
    authenticator: Authenticator
    tickets: Tickets
    proxy: Proxy
    prefix: str
    public_url: str
    apps_origin: str


class EndpointError(Exception):
    """An error response instead of the program's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@stream_request_body
class EndpointHandler(RequestHandler):
    """What both handlers share: the streamed body, the job's address, forwarding."""

    SUPPORTED_METHODS = METHODS
    endpoints: Endpoints

    def initialize(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue(16)
        self._task: asyncio.Task[None] | None = None
        self._gone = False

    def check_xsrf_cookie(self) -> None:
        """Users' programs protect their own forms."""

    def compute_etag(self) -> None:
        return None

    async def prepare(self) -> None:
        self.request.connection.set_max_body_size(2**50)  # type: ignore[union-attr]
        self._task = asyncio.create_task(self._run())

    async def data_received(self, chunk: bytes) -> None:
        assert self._task is not None
        put = asyncio.ensure_future(self._chunks.put(chunk))
        await asyncio.wait({put, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not put.done():
            put.cancel()

    async def _finish_body(self, *_: str, **__: str) -> None:
        assert self._task is not None
        end = asyncio.ensure_future(self._chunks.put(None))
        await asyncio.wait({end, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not end.done():
            end.cancel()
        try:
            await self._task
        except asyncio.CancelledError:
            if not self._gone:
                raise

    get = head = post = put = delete = patch = options = _finish_body

    def on_connection_close(self) -> None:
        self._gone = True
        if self._task is not None:
            self._task.cancel()

    async def _body(self) -> AsyncIterator[bytes]:
        while (chunk := await self._chunks.get()) is not None:
            yield chunk

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Leaves out the query, which may hold a ticket or the program's secrets."""
        log.error("%s %s failed", self.request.method, self.request.path, exc_info=(typ, value, tb))

    async def _run(self) -> None:
        try:
            await self.serve()
        except EndpointError as refusal:
            self.refuse(refusal)
        except HTTPError as error:
            self.refuse(EndpointError(error.status_code, error.log_message or "The Hub did not answer."))

    async def serve(self) -> None:
        raise EndpointError(404, "There is nothing at this address.")

    def refuse(self, refusal: EndpointError) -> None:
        if self._finished or self._headers_written:
            return
        self.clear()
        self.clear_header("Server")
        self.set_status(refusal.status)
        if "text/html" in self.request.headers.get("Accept", ""):
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.set_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
            if refusal.status == 503:
                self.set_header("Refresh", "3")
            text = html.escape(refusal.message)
            self.finish(
                "<!doctype html><html lang=en><meta charset=utf-8><title>Outrider</title>"
                "<body style='font:16px system-ui;max-width:36rem;margin:15vh auto;padding:0 1rem'>"
                f"<h1 style='font-size:1.3rem'>Not available</h1><p>{text}</p></body></html>"
            )
            return
        self.set_header("Content-Type", "application/json")
        self.finish(orjson.dumps({"status": refusal.status, "message": refusal.message}))

    async def job_with_port(self, job_id: str, port: int) -> JobRecord:
        async with self.endpoints.db.read() as conn:
            job = await store.get_job(conn, job_id)
        if job is None or job.desired == "delete" or port not in job.submission.ports:
            raise EndpointError(404, "There is no such job, it is not yours, or it has not declared this port.")
        return job

    async def address(self, job: JobRecord, port: int) -> Address:
        if job.status.ended:
            raise EndpointError(410, f"The job has ended ({job.status.value}); its ports are closed.")
        if job.status is not Status.RUNNING:
            raise EndpointError(503, f"The job is {job.status.value}; try again when it is running.")
        return await self.endpoints.backends[job.cluster].endpoint(AttemptRef(job.id, job.attempt), port)

    async def pass_on(
        self,
        job: JobRecord,
        port: int,
        target: str,
        *,
        keep_authorization: bool,
        drop_cookies: re.Pattern[str],
        prefix: str | None,
        confine: Confine,
        extra: dict[str, str],
    ) -> None:
        if not target.startswith("/"):
            # "GET @elsewhere/ HTTP/1.1": an address made of it would lead away from the job.
            raise EndpointError(400, "The path must begin with a slash.")
        address = await self.address(job, port)
        forwarded = {
            "X-Forwarded-For": self.request.remote_ip or "",
            "X-Forwarded-Host": self.request.host,
            "X-Forwarded-Proto": self.request.protocol,
        }
        if prefix is not None:
            forwarded["X-Forwarded-Prefix"] = prefix
        headers = request_headers(
            self.request.headers,
            self.request.host if prefix is None else f"localhost:{port}",
            forwarded,
            keep_authorization=keep_authorization,
            drop_cookies=drop_cookies,
        )
        try:
            if is_handshake(self.request):
                await tunnel(self, address, target, headers, confine)
                return
            has_body = "Content-Length" in self.request.headers or "Transfer-Encoding" in self.request.headers
            length = self.request.headers.get("Content-Length")
            if length is not None:
                headers.append(("Content-Length", length))
            body = self._body() if has_body else None
            await self.endpoints.proxy.forward(self, address, target, headers, body, confine, extra)
        except NotListening:
            raise EndpointError(
                503,
                f"Nothing listens on port {port} of this job yet. A server must listen on that port; see its log.",
            ) from None
        except BadAnswer as error:
            raise EndpointError(502, f"The job's program did not answer with valid HTTP: {error}") from None


class PathEndpoint(EndpointHandler):
    """/endpoints/<job>/<port>/…: for programs. The token is taken out; answers are sandboxed.

    A browser's login does not count: what the job answers would be on the Hub's own origin.
    """

    async def serve(self) -> None:
        match = re.fullmatch(re.escape(self.endpoints.prefix) + r"endpoints/([^/]+)/(\d+)(/.*)?", self.request.path)
        if match is None:
            raise EndpointError(404, "There is nothing at this address.")
        caller: Caller | None = await self.endpoints.authenticator.program(self)
        if caller is None:
            raise EndpointError(401, "Authentication required: send a valid token (Authorization: token …).")
        port = int(match[2])
        job = await self.job_with_port(match[1], port)
        if not caller.may(ENDPOINTS, job.owner, job.group_name):
            raise EndpointError(404, "There is no such job, it is not yours, or it has not declared this port.")
        base = f"{self.endpoints.prefix}endpoints/{match[1]}/{match[2]}"
        if match[3] is None:
            self.redirect(base + "/" + (f"?{self.request.query}" if self.request.query else ""))
            return
        target = match[3] + (f"?{self.request.query}" if self.request.query else "")
        await self.pass_on(
            job,
            port,
            target,
            keep_authorization=False,
            drop_cookies=re.compile(".*"),
            prefix=base,
            confine=on_hub_host,
            extra={"Content-Security-Policy": "sandbox"},
        )


class Entrance(HubOAuthenticated, RequestHandler):
    """/enter/<job>/<port>: on the Hub's origin; sends a person who may to the port's own host with a ticket."""

    def initialize(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints

    async def get(self, job_id: str, port: str) -> None:
        caller = await self.endpoints.authenticator.caller(self)
        if caller is None:
            self.redirect(self.get_login_url())
            return
        async with self.endpoints.db.read() as conn:
            job = await store.get_job(conn, job_id)
        if job is None or job.desired == "delete" or not caller.may(ENDPOINTS, job.owner, job.group_name):
            raise HTTPError(404)
        ticket = self.endpoints.tickets.issue("enter", caller.name, job_id, int(port), TICKET_S)
        next_path = local_path(self.get_query_argument("next", "/"))
        scheme, _, host = self.endpoints.apps_origin.partition("://")
        self.set_header("Referrer-Policy", "no-referrer")
        self.redirect(
            f"{scheme}://{job_id}-{int(port)}.{host}/.outrider/enter?ticket={ticket}&next={quote(next_path, safe='')}"
        )


class HostEndpoint(EndpointHandler):
    """The apps port: each job's port has a host of its own, entered with a ticket, kept by a cookie there."""

    async def serve(self) -> None:
        match = HOST.fullmatch(self.request.host.lower())
        domain = urlsplit(self.endpoints.apps_origin).netloc
        if match is None or match[3] != domain:
            raise EndpointError(404, "There is nothing at this address.")
        port = int(match[2])
        job = await self.job_with_port(match[1], port)
        if self.request.path == "/.outrider/enter":
            self._enter(job, port)
            return
        public = job.submission.public
        if not public:
            if not self._admitted(job, port):
                self._send_to_login(job, port)
                return
            if from_elsewhere(self.request):
                # Browsers also send the cookie for requests from another job's page.
                raise EndpointError(403, "This request came from a page of another origin.")
        await self.pass_on(
            job,
            port,
            self.request.uri or "/",
            keep_authorization=True,
            drop_cookies=OWN_COOKIE,
            prefix=None,
            confine=on_own_host,
            extra={},
        )

    def _admitted(self, job: JobRecord, port: int) -> bool:
        word = self.get_cookie(COOKIE)
        return bool(word) and self.endpoints.tickets.check(word or "", "cookie", job.id, port) is not None

    def _enter(self, job: JobRecord, port: int) -> None:
        claims = self.endpoints.tickets.check(self.get_query_argument("ticket", ""), "enter", job.id, port)
        if claims is None or not self.endpoints.tickets.use_up(claims):
            self._send_to_login(job, port)
            return
        word = self.endpoints.tickets.issue("cookie", claims.user, job.id, port, COOKIE_S)
        options: dict[str, Any] = {"httponly": True, "samesite": "Lax", "max_age": int(COOKIE_S)}
        if self.endpoints.apps_origin.startswith("https:"):
            options["secure"] = True
        self.set_cookie(COOKIE, word, **options)
        self.set_header("Referrer-Policy", "no-referrer")
        self.redirect(local_path(self.get_query_argument("next", "/")))

    def _send_to_login(self, job: JobRecord, port: int) -> None:
        page = self.request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
        if self.request.method not in ("GET", "HEAD") or not page:
            raise EndpointError(401, "Open this address in a browser and log in first.")
        here = quote(self.request.uri or "/", safe="")
        self.redirect(f"{self.endpoints.public_url}{self.endpoints.prefix}enter/{job.id}/{port}?next={here}")
