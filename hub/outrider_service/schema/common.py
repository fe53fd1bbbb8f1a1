"""Types that several resources share."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

T = TypeVar("T")


class Request(BaseModel):
    """A body sent by a client: unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Resource(BaseModel):
    """A body sent by the service."""

    model_config = ConfigDict(extra="forbid")


Timestamp = AwareDatetime


class Page(Resource, Generic[T]):
    """One page of a list; ``next`` is the cursor of the following page, absent on the last."""

    items: list[T]
    next: str | None = None
