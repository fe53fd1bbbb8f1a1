"""What can go wrong, as types a program can tell apart. Pure: nothing here talks to anything."""

from __future__ import annotations

from typing import Any


class OutriderError(Exception):
    """Base of all: ``message`` is a sentence for a person; ``status`` is the HTTP status, None when there
    was no answer; ``field`` names the part of the input that is at fault, where the service said so."""

    def __init__(self, message: str, status: int | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.field = field

    def __str__(self) -> str:
        """The sentence, led by the field's name unless it begins with that itself."""
        if self.field and not self.message.startswith(self.field):
            return f"{self.field}: {self.message}"
        return self.message


class InvalidRequest(OutriderError):
    """The service refused the input (400, 405, 415, 422 and the like)."""


class NotLoggedIn(OutriderError):
    """There is no token to send, or no address to send it to."""


class Unauthorized(OutriderError):
    """The token is wrong, expired or revoked (401)."""


class Forbidden(OutriderError):
    """The token is good but may not do this (403)."""


class NotFound(OutriderError):
    """There is no such thing, or it is somebody else's (404)."""


class Conflict(OutriderError):
    """The thing is in a state that does not allow this (409, 412)."""


class TooLarge(OutriderError):
    """The body is larger than the platform takes (413)."""


class LimitReached(OutriderError):
    """One of the caller's limits is reached (429)."""


class ServerError(OutriderError):
    """The service failed (5xx)."""


class Unreachable(OutriderError):
    """Nothing answered, or only a proxy that found nothing behind it."""


class WorkspaceError(OutriderError):
    """The workspace cannot be sent: refused, unreadable or too large. Nothing was sent."""


class WaitTimeout(OutriderError):
    """The job did not end within the time given; it goes on."""


class JobFailed(OutriderError):
    """The job ended otherwise than well, and the caller asked to be told by an exception."""

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
    """The error for an HTTP answer: its own words where it is one of the service's, else ``fallback``."""
    message, field = fallback, None
    if isinstance(body, dict) and isinstance(body.get("message"), str) and body["message"]:
        message = body["message"]
        field = body.get("field") if isinstance(body.get("field"), str) else None
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else InvalidRequest)
    return kind(message, status, field)
