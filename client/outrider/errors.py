"""The client's exceptions. Pure."""

from __future__ import annotations

from typing import Any


class OutriderError(Exception):
    """Base class. ``message`` is a sentence for the user; ``status`` is the HTTP status, None if there was no response;
    ``field`` names the invalid part of the input, if known."""

    def __init__(self, message: str, status: int | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.field = field

    def __str__(self) -> str:
        """The message, prefixed with the field's name unless it already begins with it."""
        if self.field and not self.message.startswith(self.field):
            return f"{self.field}: {self.message}"
        return self.message


class InvalidRequest(OutriderError):
    """The service refused the input (400, 405, 415, 422 and the like)."""


class NotLoggedIn(OutriderError):
    """There is no token, or no address."""


class Unauthorized(OutriderError):
    """The token is wrong, expired or revoked (401)."""


class Forbidden(OutriderError):
    """The token is valid but lacks permission (403)."""


class NotFound(OutriderError):
    """Not found, or not the caller's (404)."""


class Conflict(OutriderError):
    """The resource's state does not allow this (409, 412)."""


class TooLarge(OutriderError):
    """The body is larger than the platform accepts (413)."""


class LimitReached(OutriderError):
    """One of the caller's limits is reached (429)."""


class ServerError(OutriderError):
    """The service failed (5xx)."""


class Unreachable(OutriderError):
    """Nothing answered, or only a proxy without the service behind it."""


class WorkspaceError(OutriderError):
    """The workspace cannot be sent: invalid, unreadable or too large. Nothing was sent."""


class WaitTimeout(OutriderError):
    """The job did not end within the timeout. It keeps running."""


class JobFailed(OutriderError):
    """The job did not succeed, and the caller asked for an exception in that case."""

    def __init__(self, message: str, exit_code: int | None, reason: str | None) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.reason = reason


_BY_STATUS: dict[int, type[OutriderError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    413: TooLarge,
    429: LimitReached,
    502: Unreachable,
    503: Unreachable,
    504: Unreachable,
}


def from_answer(status: int, body: Any, fallback: str) -> OutriderError:
    """The exception for an error response, with the service's message if there is one, else ``fallback``."""
    message, field = fallback, None
    if isinstance(body, dict) and isinstance(body.get("message"), str) and body["message"]:
        message = body["message"]
        field = body.get("field") if isinstance(body.get("field"), str) else None
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else InvalidRequest)
    return kind(message, status, field)
