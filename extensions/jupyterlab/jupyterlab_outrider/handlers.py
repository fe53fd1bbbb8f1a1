"""The handlers below ``/outrider/`` that the page calls. Jupyter Server authenticates every one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, WebSocketHandler

from . import artifacts, preflight, server, workspaces
from .service import Service, ServiceError

PASSED_ON = ("Content-Type", "Content-Length", "Content-Disposition", "Content-Range", "Accept-Ranges", "ETag")
CONFINED = "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'"


class OutriderHandler(APIHandler):
    """Shared by all handlers: the service client, the root of the file browser, errors as JSON."""

    @property
    def service(self) -> Service:
        found: Service = self.settings["outrider_service"]
        return found

    def root(self) -> Path:
        return Path(self.contents_manager.root_dir).expanduser().absolute()

    def answer(self, data: Any, status: int = 200) -> None:
        self.set_status(status)
        self.finish(json.dumps(data))

    def refuse(self, error: ServiceError) -> None:
        self.answer(error.body, error.status)

    def json_body(self) -> dict[str, Any]:
        data = self.get_json_body() or {}
        if not isinstance(data, dict):
            raise web.HTTPError(400, "The body must be a JSON object.")
        return data


class ApiHandler(OutriderHandler):
    """/outrider/api/…: proxies the service's API with this server's token, streaming responses."""

    def prepare(self) -> Any:
        # An open list polls by itself, which is not user activity.
        self._track_activity = self.request.method != "GET"
        return super().prepare()

    @web.authenticated
    async def get(self, path: str) -> None:
        await self._pass_on(path)

    @web.authenticated
    async def post(self, path: str) -> None:
        await self._pass_on(path)

    @web.authenticated
    async def put(self, path: str) -> None:
        await self._pass_on(path)

    @web.authenticated
    async def delete(self, path: str) -> None:
        await self._pass_on(path)

    async def _pass_on(self, path: str) -> None:
        query = f"?{self.request.query}" if self.request.query else ""
        wanted = {
            name: self.request.headers[name]
            for name in ("Content-Type", "Range", "If-Range", "Idempotency-Key", "Accept")
            if name in self.request.headers
        }
        # The raw path below /outrider/api: names in it may be percent-encoded.
        raw = self.request.path.partition("/outrider/api/")[2]
        try:
            answer = await self.service.send(
                self.request.method or "GET",
                f"/{raw}{query}",
                body=self.request.body or None,
                headers=wanted,
                on_header=self._on_header,
                on_chunk=self._on_chunk,
                timeout_s=24 * 3600,
            )
            if answer.code == 599:
                raise ServiceError(503, f"Cannot reach the Outrider service ({answer.error}).")
        except ServiceError as error:
            if not self._headers_written:
                self.refuse(error)
            return
        except StreamClosedError:
            return
        self.set_status(answer.code)
        self.finish()

    def _on_header(self, line: str) -> None:
        if line.startswith("HTTP/"):
            self.set_status(int(line.split()[1]))
            self.clear_header("Content-Type")
            self.set_header("Content-Security-Policy", CONFINED)
            return
        name, _, value = line.strip().partition(":")
        if name.title() in {known.title() for known in PASSED_ON}:
            self.set_header(name, value.strip())

    async def _on_chunk(self, chunk: bytes) -> None:
        self.write(chunk)
        await self.flush()

    def finish(self, *args: Any, **kwargs: Any) -> Any:
        # APIHandler would set the content type to JSON; keep the service's own.
        return JupyterHandler.finish(self, *args, **kwargs)


class StatusHandler(OutriderHandler):
    """/outrider/status: service reachability, resource usage and when this server stops. Every open page polls it,
    which is not user activity."""

    _track_activity = False

    @web.authenticated
    async def get(self) -> None:
        self.answer(await server.status(self.service))


class KeepHandler(OutriderHandler):
    """/outrider/keep: resets the idle timeout."""

    @web.authenticated
    async def post(self) -> None:
        try:
            self.answer(await server.keep(self.service))
        except ServiceError as error:
            self.refuse(error)


class WorkspaceHandler(OutriderHandler):
    """/outrider/workspace?path=: the files that a job for this file would upload."""

    @web.authenticated
    async def get(self) -> None:
        try:
            folder, _ = workspaces.folder_of(self.root(), self.get_query_argument("path", ""))
            self.answer(await workspaces.preview(folder))
        except ServiceError as error:
            self.refuse(error)


class SubmitHandler(OutriderHandler):
    """/outrider/submit: packs the file's folder, uploads it if the service lacks it, and submits the job."""

    @web.authenticated
    async def post(self) -> None:
        data = self.json_body()
        try:
            job = await workspaces.submit(
                self.service,
                self.root(),
                str(data.get("path", "")),
                dict(data.get("submission") or {}),
                self.request.headers.get("Idempotency-Key"),
            )
            self.answer(job, 201)
        except ServiceError as error:
            self.refuse(error)


class PreflightHandler(OutriderHandler):
    """/outrider/preflight: checks a submission before it is sent."""

    @web.authenticated
    async def post(self) -> None:
        wanted = self.json_body()
        try:
            folder = None
            if wanted.get("path"):
                folder, _ = workspaces.folder_of(self.root(), str(wanted["path"]))
            imports = [str(name) for name in wanted.get("imports") or []]
            kernel = str(wanted.get("kernel") or "")
            submission = dict(wanted.get("submission") or {})
            self.answer({"items": await preflight.check(self.service, submission, kernel, imports, folder)})
        except ServiceError as error:
            self.refuse(error)


class CopyHandler(OutriderHandler):
    """/outrider/copy: copies an artifact into a folder of this server, under an unused name."""

    @web.authenticated
    async def post(self) -> None:
        data = self.json_body()
        try:
            folder, _ = workspaces.folder_of(self.root(), str(data.get("folder", "")))
            path = await artifacts.copy(self.service, str(data.get("job", "")), str(data.get("path", "")), folder)
            self.answer({"path": path.relative_to(self.root().resolve()).as_posix()}, 201)
        except ServiceError as error:
            self.refuse(error)


class StreamHandler(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """/outrider/stream: proxies the page's WebSocket to the service's."""

    upstream: WebSocketClientConnection | None = None
    _passing: asyncio.Task[None] | None = None

    def set_default_headers(self) -> None:
        """Skips the content security policy, which WebSockets do not use."""

    async def pre_get(self) -> None:
        if self.current_user is None:
            raise web.HTTPError(403)

    async def get(self, *args: Any, **kwargs: Any) -> None:
        await self.pre_get()
        await super().get(*args, **kwargs)

    async def open(self, *args: Any, **kwargs: Any) -> None:
        service: Service = self.settings["outrider_service"]
        try:
            self.upstream = await service.stream()
        except ServiceError as error:
            self.close(1013, str(error)[:120])
            return
        self._passing = asyncio.create_task(self._pass_on(self.upstream))

    async def _pass_on(self, upstream: WebSocketClientConnection) -> None:
        """Forwards messages at the page's pace: a slow page exerts backpressure instead of filling memory here."""
        try:
            while (message := await upstream.read_message()) is not None:
                await self.write_message(message, binary=isinstance(message, bytes))
            self.close(1012, "service connection lost")
        except WebSocketClosedError:
            self.on_close()

    async def on_message(self, message: str | bytes) -> None:
        if self.upstream is not None:
            try:
                await self.upstream.write_message(message)
            except WebSocketClosedError:
                self.close(1012, "service connection lost")

    def on_close(self) -> None:
        if self.upstream is not None:
            self.upstream.close()
            self.upstream = None


ROUTES: list[tuple[str, Any]] = [
    (r"api/(.+)", ApiHandler),
    ("status", StatusHandler),
    ("keep", KeepHandler),
    ("workspace", WorkspaceHandler),
    ("submit", SubmitHandler),
    ("preflight", PreflightHandler),
    ("copy", CopyHandler),
    ("stream", StreamHandler),
]
