"""HTTP to one platform: addresses, the token, safe retries, error responses as exceptions.

The only module that opens connections. Everything has a timeout, only small JSON bodies are held in memory, and
redirects are not followed (they could send the token to another host).
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, Callable, Optional
from urllib.parse import quote, urlsplit

import httpx

from .errors import NotLoggedIn, OutriderError, Unreachable, from_answer
from .version import VERSION

SERVICE = "/services/outrider/api/v1"
HUB = "/hub/api"

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
TRIES = 4
LONGEST_PAUSE_S = 10.0
RETRIED = frozenset({429, 500, 502, 503, 504})
"""Statuses after which a safe request is retried."""
GATEWAY = frozenset({502, 503, 504})

Params = Optional[dict[str, Any]]
Body = Callable[[], Iterator[bytes]]
"""Creates the body for each attempt."""


def segment(text: str) -> str:
    """Percent-encode a path segment."""
    return quote(text, safe="")


def subpath(text: str) -> str:
    """Percent-encode a file's path; slashes stay."""
    return quote(text.strip("/"), safe="/")


def pause(attempt: int, answer: httpx.Response | None = None) -> float:
    """Seconds before try ``attempt`` + 1: exponential backoff with jitter, at least what the service asked for."""
    asked = answer.headers.get("retry-after", "") if answer is not None else ""
    wait = 0.2 * 2.0**attempt * random.uniform(0.75, 1.25)  # noqa: S311
    return min(max(wait, float(asked) if asked.isdigit() else 0.0), LONGEST_PAUSE_S)


class Transport:
    """Requests to the platform at ``url`` (the Hub's address) with ``token``."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        self.token = token
        headers = {"User-Agent": f"outrider/{VERSION}"}
        if token:
            if not token.isascii() or not token.isprintable() or " " in token:
                raise NotLoggedIn("The token contains invalid characters. Was it copied completely?")
            headers["Authorization"] = f"token {token}"
        # The environment's proxy is not for this machine itself.
        self._http = httpx.Client(headers=headers, timeout=TIMEOUT, trust_env=not _is_loopback(url))

    def close(self) -> None:
        self._http.close()

    def json(
        self,
        method: str,
        path: str,
        *,
        params: Params = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
        safe: bool | None = None,
    ) -> Any:
        """One small request. Returns the response's JSON, or None if there is none."""
        answer = self.request(method, path, params=params, body=body, headers=headers, safe=safe)
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError:
            raise Unreachable(f"{self.url} does not respond like Outrider. Is it the Hub's address?") from None

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params = None,
        body: Any = None,
        content: Body | None = None,
        headers: dict[str, str] | None = None,
        safe: bool | None = None,
        timeout: httpx.Timeout | None = None,
    ) -> httpx.Response:
        """One request. Raises OutriderError unless the response is 2xx.

        ``safe``: the request is idempotent, so it is retried when the connection breaks or the service is briefly
        unavailable. A refused connection is always retried: nothing was sent.
        """
        repeatable = method in ("GET", "HEAD") if safe is None else safe
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            try:
                answer = self._http.request(
                    method,
                    self.url + path,
                    params=clean(params),
                    json=body,
                    content=content() if content else None,
                    headers=headers,
                    timeout=timeout or TIMEOUT,
                )
            except httpx.HTTPError as error:
                if last or not (repeatable or isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))):
                    raise self.unreachable(error) from error
                time.sleep(pause(attempt))
                continue
            except httpx.InvalidURL as error:
                raise NotLoggedIn(f"{self.url!r} is not an address: {error}") from error
            if answer.is_success:
                return answer
            again = answer.status_code in (RETRIED if method in ("GET", "HEAD") else GATEWAY)
            if attempt and method == "DELETE" and answer.status_code == 404:
                return answer  # an earlier attempt, whose response was lost, succeeded
            if last or not (again and repeatable):
                raise self.refusal(answer)
            time.sleep(pause(attempt, answer))
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        params: Params = None,
        headers: dict[str, str] | None = None,
        read_timeout: float = 60.0,
        also: frozenset[int] = frozenset(),
    ) -> Iterator[httpx.Response]:
        """A GET whose response is streamed. Not retried, since only the caller knows how to resume. Statuses in
        ``also`` do not raise."""
        timeout = httpx.Timeout(30.0, connect=10.0, read=read_timeout)
        with self._http.stream(
            "GET", self.url + path, params=clean(params), headers=headers, timeout=timeout
        ) as answer:
            if not answer.is_success and answer.status_code not in also:
                answer.read()
                raise self.refusal(answer)
            yield answer

    def unreachable(self, error: Exception) -> Unreachable:
        """A failed connection as a message."""
        if isinstance(error, httpx.TimeoutException):
            return Unreachable(f"{self.url} did not answer in time.")
        if isinstance(error, httpx.ConnectError):
            return Unreachable(f"Nothing answers at {self.url}: {error}. Is the Hub running?")
        return Unreachable(f"The connection to {self.url} broke: {error or type(error).__name__}")

    def refusal(self, answer: httpx.Response) -> OutriderError:
        """The exception for an error response."""
        status = answer.status_code
        body: dict[str, Any] | None = None
        try:
            parsed = answer.json()
            body = parsed if isinstance(parsed, dict) else None
        except ValueError:
            pass
        if 300 <= status < 400:
            target = answer.headers.get("location", "elsewhere")
            return Unreachable(f"{self.url} redirects to {target}; use that address.", status)
        if status == 404 and body is None:
            # The proxy's own error page: the service is not behind it, or not yet.
            return Unreachable(f"There is no Outrider service at {self.url}, or it is still starting.", status)
        if status == 401:
            message = f"{self.url} does not accept the token: it is wrong, expired or revoked."
            return from_answer(status, None, f"{message} Log in again: outrider login {self.url}")
        return from_answer(status, body, f"{self.url} answered {status} {answer.reason_phrase}".strip())


def clean(params: Params) -> Params:
    """Query parameters without None, with booleans as in JSON."""
    if params is None:
        return None
    given = {key: value for key, value in params.items() if value is not None}
    return {key: str(value).lower() if isinstance(value, bool) else value for key, value in given.items()}


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
