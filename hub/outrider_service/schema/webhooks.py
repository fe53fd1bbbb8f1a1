"""Webhooks over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from .common import Request, Resource, Timestamp

WebhookEvent = Literal["job.ended", "notebook.stopping", "budget.warning"]


def _web_address(value: str) -> str:
    if not value.startswith(("https://", "http://")) or any(char.isspace() for char in value):
        raise ValueError("must be an https:// address")
    return value


def _each_once(value: list[str]) -> list[str]:
    if len(set(value)) != len(value):
        raise ValueError("must not name anything twice")
    return value


Url = Annotated[str, Field(max_length=2048), AfterValidator(_web_address)]
Events = Annotated[list[WebhookEvent], Field(min_length=1, max_length=8), AfterValidator(_each_once)]


class WebhookWrite(Request):
    """Where to send, and what."""

    url: Url
    events: Events = Field(default_factory=lambda: list(get_args(WebhookEvent)))


class WebhookPatch(Request):
    events: Events | None = None
    enabled: bool | None = None


class WebhookInfo(Resource):
    id: str
    url: str
    events: list[str]
    enabled: bool
    created_at: Timestamp
    last_at: Timestamp | None = Field(description="of the last attempt")
    last_error: str | None = Field(description="null: the last message was delivered")
    key: str | None = Field(default=None, description="the signing key; shown once, at creation")


class WebhookList(Resource):
    items: list[WebhookInfo]


class Culling(Request):
    """A notebook that will be stopped unless somebody uses it."""

    stops_at: Timestamp = Field(strict=False)
    reason: Annotated[str, Field(min_length=1, max_length=500)]
