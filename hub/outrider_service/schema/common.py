"""Types that several resources share."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

T = TypeVar("T")

NAME_PUNCTUATION = frozenset(" ._-/:+=@,()#'")
NAME_MAX = 128

__all__ = ["NAME_MAX", "Label", "Name", "Page", "Request", "Resource", "Timestamp", "datetime", "image_reference"]


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


def _display_name(value: str) -> str:
    """A name for people: letters and digits of any script, spaces and a little punctuation."""
    if not value.strip():
        raise ValueError("must not be empty")
    if value != value.strip():
        raise ValueError("must not begin or end with a space")
    for char in value:
        if char not in NAME_PUNCTUATION and unicodedata.category(char)[0] not in "LNM":
            raise ValueError(f"may hold letters, digits, spaces and ._-/:+=@,()#' but not {char!r}")
    return value


def _label(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", value):
        raise ValueError("may hold letters, digits and . _ - and must begin and end with a letter or digit")
    return value


def image_reference(value: str) -> str:
    """What can be an image's name at all; its registry's rules are held when it is asked."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*", value):
        raise ValueError("must be an image reference such as python:3.11 or ghcr.io/team/image:tag")
    return value


Name = Annotated[str, Field(max_length=NAME_MAX), AfterValidator(_display_name)]
Label = Annotated[str, Field(min_length=1, max_length=63), AfterValidator(_label)]
