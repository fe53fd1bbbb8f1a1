"""Refusals are sentences for people, whatever is wrong with a field."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from outrider_service.api.errors import from_validation
from outrider_service.catalog.model import ImageName


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=2, max_length=3, pattern="^[a-z]*$")] = "ab"
    name: Annotated[str, Field(min_length=1)] = "x"
    count: Annotated[int, Field(ge=0, le=5)] = 0
    share: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.5
    flag: bool = False
    kind: Literal["one", "two"] = "one"
    many: Annotated[list[str], Field(min_length=1, max_length=2)] = ["a"]
    inner: dict[str, int] = {}
    at: AwareDatetime | None = None
    day: date | None = None
    image: ImageName = "python"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"colour": 1}, "colour: unknown field"),
        ({"text": 5}, "text: must be text"),
        ({"text": "x"}, "text: must have at least 2 characters"),
        ({"text": "xxxx"}, "text: must have at most 3 characters"),
        ({"text": "AB"}, "text: has an invalid format"),
        ({"name": ""}, "name: must not be empty"),
        ({"count": "many"}, "count: must be a whole number"),
        ({"count": 1.5}, "count: must be a whole number"),
        ({"count": -1}, "count: must be at least 0"),
        ({"count": 6}, "count: must be at most 5"),
        ({"share": 0}, "share: must be greater than 0.0"),
        ({"share": 1}, "share: must be less than 1.0"),
        ({"share": float("nan")}, "share: must be a number"),
        ({"flag": "maybe"}, "flag: must be true or false"),
        ({"kind": "three"}, "kind: must be one of 'one' or 'two'"),
        ({"many": []}, "many: must not be empty"),
        ({"many": ["a"] * 3}, "many: must have at most 2 entries"),
        ({"many": "a"}, "many: must be a list"),
        ({"inner": 1}, "inner: must be an object"),
        ({"at": "soon"}, "at: must be a time such as 2026-01-31T12:00:00Z"),
        ({"at": "2026-01-31T12:00:00"}, "at: must have a time zone, such as Z for UTC"),
        ({"day": "soon"}, "day: must be a date such as 2026-01-31"),
        ({"image": "[::1]:5000/x"}, "image: must be an image reference such as python:3.11 or ghcr.io/team/image:tag"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Body.model_validate(given)
    assert from_validation(caught.value).message == said
