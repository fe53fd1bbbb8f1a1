"""Error responses: a status, a message, and the field at fault."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from ..schema.words import in_words


class ApiError(Exception):
    """Raised by handlers and what they call, to answer with this status and message."""

    def __init__(
        self, status: int, message: str, field: str | None = None, *, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = {"status": self.status, "message": self.message}
        if self.field is not None:
            found["field"] = self.field
        return found


def not_found(what: str) -> ApiError:
    return ApiError(404, f"There is no such {what}, or it is not yours.")


UNION_TAGS = frozenset({"none", "snapshot", "git", "[key]"})


def from_validation(error: ValidationError) -> ApiError:
    """The first problem of an invalid body, with the field's name."""
    first = error.errors(include_url=False)[0]
    parts = [
        str(part) for part in first["loc"] if str(part) not in UNION_TAGS and not str(part).startswith("function-")
    ]
    field = ".".join(parts) or None
    message = in_words(first)
    if field is None and ": " in message:
        # A check of several fields already names the one to change.
        field, _, message = message.partition(": ")
    name = f"{field}: " if field else ""
    return ApiError(422 if field else 400, f"{name}{message}", field)
