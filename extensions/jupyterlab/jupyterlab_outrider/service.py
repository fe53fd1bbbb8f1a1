"""A client for the Outrider service with this server's token, based on Tornado."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError, SimpleAsyncHTTPClient
from tornado.websocket import WebSocketClientConnection, websocket_connect

API = "/services/outrider/api/v1"
MOST_AT_ONCE = 64


class ServiceError(Exception):
    """The service refused a request or is unreachable; ``body`` is the response for the page."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"status": status, "message": message, **({"field": field} if field else {})}


class Service:
    """Sends requests to one service URL with one token."""

    def __init__(self, url: str, token: str, connect_timeout_s: float = 10) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._connect_timeout_s = connect_timeout_s
        self._client: AsyncHTTPClient | None = None

    @property
    def configured(self) -> bool:
        return bool(self.url and self._token)

    def _http(self) -> AsyncHTTPClient:
        if self._client is None:
            self._client = SimpleAsyncHTTPClient(
                force_instance=True, max_clients=MOST_AT_ONCE, max_body_size=2**50, max_buffer_size=2**22
            )
        return self._client

    def _refuse_unconfigured(self) -> None:
        if not self.configured:
            raise ServiceError(503, "No Outrider service is configured: this server was not started by Outrider's Hub.")

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        body_producer: Callable[[Callable[[bytes], Awaitable[None]]], Awaitable[None]] | None = None,
        on_header: Callable[[str], None] | None = None,
        on_chunk: Callable[[bytes], Any] | None = None,
        timeout_s: float = 60,
    ) -> HTTPResponse:
        """Sends one request and returns the response, whatever its status. Raises ServiceError if there is none."""
        self._refuse_unconfigured()
        request = HTTPRequest(
            self.url + API + path,
            method=method,
            body=body,
            body_producer=body_producer,  # type: ignore[arg-type]
            headers={"Authorization": f"token {self._token}", **(headers or {})},
            connect_timeout=self._connect_timeout_s,
            request_timeout=timeout_s,
            follow_redirects=False,
            allow_nonstandard_methods=True,
            header_callback=on_header,
            streaming_callback=on_chunk,
            decompress_response=False,
        )
        try:
            return await self._http().fetch(request, raise_error=False)
        except (HTTPTimeoutError, HTTPStreamClosedError, HTTPClientError, OSError) as error:
            raise ServiceError(503, f"Cannot reach the Outrider service ({error}).") from error

    async def call(self, method: str, path: str, data: Any = None, headers: dict[str, str] | None = None) -> Any:
        """Sends a JSON request. Raises ServiceError with the service's message if it refuses."""
        body = json.dumps(data).encode() if data is not None else None
        sent = {"Content-Type": "application/json", **(headers or {})} if body is not None else headers
        answer = await self.send(method, path, body=body, headers=sent)
        return self.decoded(answer)

    @staticmethod
    def decoded(answer: HTTPResponse) -> Any:
        if answer.code == 599:
            raise ServiceError(503, f"Cannot reach the Outrider service ({answer.error}).")
        try:
            data = json.loads(answer.body or b"null")
        except ValueError:
            data = None
        if answer.code < 400:
            return data
        if isinstance(data, dict) and "message" in data:
            raise ServiceError(answer.code, data["message"], data.get("field"))
        raise ServiceError(502, f"Unexpected response, not from Outrider (HTTP {answer.code}).")

    async def stream(self) -> WebSocketClientConnection:
        """Opens the service's WebSocket, which applies backpressure. Raises ServiceError."""
        self._refuse_unconfigured()
        parts = urlsplit(self.url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        request = HTTPRequest(
            f"{scheme}://{parts.netloc}{parts.path}{API}/stream",
            headers={"Authorization": f"token {self._token}"},
            connect_timeout=self._connect_timeout_s,
        )
        try:
            return await websocket_connect(request, ping_interval=30, max_message_size=64 * 2**20)
        except (HTTPClientError, OSError) as error:
            raise ServiceError(503, f"Cannot reach the Outrider service ({error}).") from error
